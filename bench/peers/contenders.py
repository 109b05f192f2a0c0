"""Who is measured: how each is started, what shape it reads, where its numbers are found."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peers.load import Input, Shape
from bench.peers.readers import read_changelog, read_closed, read_dump, read_ours
from bench.peers.truth import CellId, Figures
from bench.worker import PROGRAM
from runtime.settings import KafkaSettings
from schemas.topics import ConsumerGroup, Topic

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = Path(os.environ.get("AVENUE_BENCH_PYTHON", ROOT / ".venv-bench/bin/python"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of one contender reads and writes."""

    kafka: KafkaSettings
    given: Input
    folder: Path

    @property
    def group(self) -> str:
        """The consumer group of a peer."""
        return f"{self.given.prefix}peer"

    def environ(self, contender: "Contender") -> dict[str, str]:
        """Return what the process is told."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
        bootstrap = str(self.kafka.bootstrap)
        return kept | {
            "PYTHONPATH": str(ROOT),
            "AVENUE_KAFKA__BOOTSTRAP": bootstrap,
            "PEER_KAFKA": bootstrap,
            "PEER_TOPIC": self.given.topic,
            "PEER_OUT": self.given.out,
            "PEER_GROUP": self.group,
            "PEER_FOLDER": str(self.folder),
            "PEER_SHAPE": contender.shape,
            "PEER_DEDUPE": "1" if contender.dedupe else "0",
        }


@dataclass(frozen=True, slots=True)
class Contender:
    """One program in one setting."""

    name: str
    label: str
    shape: Shape
    dedupe: bool
    share: float
    """Of the events; the slow ones get the first few."""
    command: Callable[[Place], list[str]]
    read: Callable[[Place], dict[CellId, Figures]]
    state: str
    """Where its state is, and when a reader sees a number."""
    ends_itself: bool = False
    group: Callable[[Place], str] = lambda place: place.group


def _ours(place: Place) -> list[str]:
    return [sys.executable, "-c", PROGRAM, place.given.prefix]


def _read_ours(place: Place) -> dict[CellId, Figures]:
    return read_ours(place.kafka, place.given.prefix + Topic.METRICS)


def _our_group(place: Place) -> str:
    return place.given.prefix + ConsumerGroup.WORKER


def _module(*words: str) -> Callable[[Place], list[str]]:
    return lambda _: [str(PEERS_PYTHON), "-m", *words]


def _read_out(place: Place) -> dict[CellId, Figures]:
    return read_closed(place.kafka, place.given.out)


def _read_changelog(place: Place) -> dict[CellId, Figures]:
    return read_changelog(place.kafka, f"{place.group}-cells-changelog")


def _read_dump(place: Place) -> dict[CellId, Figures]:
    command = [str(PEERS_PYTHON), "-m", "bench.peers.bare", "dump"]
    environ = place.environ(_BARE)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
    return read_dump(done.stdout)


_OURS = "memory, rebuilt from the log; a row each half second"
_FAUST = "memory and changelog topic; each event"
_QUIX = "RocksDB and changelog topic; when a minute closes"
_BYTEWAX = "memory, lost with the process; when a minute closes"
_VIEW = "MergeTree; each block, at most a second"
_VIEW_IDS = f"{_VIEW}; ids in memory, lost with the process"

_BARE = Contender(
    "bare-500", "consumer + materialized view", "500", False, 1, _module("bench.peers.bare"), _read_dump, _VIEW
)  # fmt: skip
_BYTEWAX_COMMAND = _module("bytewax.run", "bench.peers.bytewax_flow:make_flow()")
_QUIX_COMMAND, _FAUST_COMMAND = _module("bench.peers.quix"), _module("bench.peers.textbook_faust")
HALF, SOME, FEW = 1 / 2, 1 / 8, 1 / 20

CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("ours-500", "Avenue's worker", "500", True, 1, _ours, _read_ours, _OURS, group=_our_group),
        Contender("ours-1", "Avenue's worker", "1", True, FEW, _ours, _read_ours, _OURS, group=_our_group),
        _BARE,
        Contender(
            "bare-500-ids", "consumer with ids + materialized view", "500", True, 1,
            _module("bench.peers.bare"), _read_dump, _VIEW_IDS,
        ),
        Contender(
            "bare-1", "consumer + materialized view", "1", False, HALF,
            _module("bench.peers.bare"), _read_dump, _VIEW,
        ),
        Contender(
            "bare-1-ids", "consumer with ids + materialized view", "1", True, HALF,
            _module("bench.peers.bare"), _read_dump, _VIEW_IDS,
        ),
        Contender(
            "bytewax-500", "Bytewax", "500", True, 1, _BYTEWAX_COMMAND, _read_out, _BYTEWAX, ends_itself=True
        ),
        Contender("bytewax-1", "Bytewax", "1", True, HALF, _BYTEWAX_COMMAND, _read_out, _BYTEWAX, ends_itself=True),
        Contender("quix-1", "Quix Streams", "1", True, SOME, _QUIX_COMMAND, _read_out, _QUIX),
        Contender("quix-1-repeats", "Quix Streams, no dedupe", "1", False, SOME, _QUIX_COMMAND, _read_out, _QUIX),
        Contender("faust-1", "textbook Faust", "1", True, FEW, _FAUST_COMMAND, _read_changelog, _FAUST),
        Contender(
            "faust-1-repeats", "textbook Faust, no dedupe", "1", False, FEW, _FAUST_COMMAND, _read_changelog, _FAUST
        ),
    )
}  # fmt: skip
