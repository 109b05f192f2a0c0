"""What users would pick instead, over the same events in the same run, in CPU-seconds per million events.

    python -m bench.peers.run [--events 200000] [--runs 3] [--only quix-1 ...]

Each contender is one process pinned to one core, from a topic on a real broker to its result. Its figure is the user
and system time of the process and its children, less that of a start on an empty topic. What it counted is compared,
cell by cell, with plain Python over the list of events. Slow contenders get the first part of the same events. The
peers run in .venv-bench (`make bench` makes it). AVENUE_BENCH_KAFKA=host:port uses a broker that runs.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.broker import broker
from bench.machine import RESULTS, machine
from bench.peers.contenders import CONTENDERS, PEERS_PYTHON, Contender, Place
from bench.peers.load import published, shared_events
from bench.peers.truth import CellId, Check, Figures, checked, truth_of
from bench.worker import SPREAD_MS
from runtime.kafka import KafkaError, make_admin
from runtime.settings import KafkaSettings
from schemas.lines import StoredEvent

PACKAGES = ("faust-streaming", "quixstreams", "bytewax", "confluent-kafka", "chdb-core", "clickhouse-connect")
SETTLE_S = 2.0
"""A start on an empty topic ends so long after its group is joined; longer, and idling would be taken off as well."""
RUN_S = 900.0
END_S = 30.0
POLL_S = 0.25
EMPTY_RUNS = 2
MIB = 1024


@dataclass(frozen=True, slots=True)
class Used:
    """What one process took."""

    cpu_s: float
    peak_mb: float
    wall_s: float


@dataclass(slots=True)
class Found:
    """All runs of one contender."""

    contender: Contender
    events: int
    start_up_s: float
    runs: list[Used] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def per_million(self) -> list[float]:
        """CPU-seconds per million events of each run."""
        return [(used.cpu_s - self.start_up_s) / self.events * 1e6 for used in self.runs]


def main() -> int:
    """Measure, write the results."""
    asked = _arguments()
    events = shared_events(asked.events, time.time_ns() // 1_000_000 - SPREAD_MS)
    with broker() as kafka:
        starts: dict[str, float] = {}
        found = [_found(CONTENDERS[name], kafka, len(events), starts) for name in asked.only]
        truths = {count: truth_of(events[:count]) for count in {each.events for each in found}}
        for number in range(asked.runs):
            # In turn, so that a noisy minute is everybody's.
            for each in found:
                _one_run(each, kafka, events[: each.events], truths[each.events])
                _say(each, number)
            _keep(found, asked)
    return 0


def _keep(found: list[Found], asked: argparse.Namespace) -> None:
    """Write what there is after a round, where everybody was asked; print it otherwise."""
    text = json.dumps(_result(found, asked), indent=1)
    if set(asked.only) == set(CONTENDERS):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "peers.json").write_text(f"{text}\n")
    else:
        print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="writes no results")
    return parser.parse_args()


def _found(contender: Contender, kafka: KafkaSettings, count: int, starts: dict[str, float]) -> Found:
    """Return the contender with its program's start-up, measured once a program: an empty topic has no shape."""
    program = contender.name.partition("-")[0]
    if program not in starts:
        start_up = []
        for _ in range(EMPTY_RUNS):
            with _place(contender, kafka, []) as place:
                start_up.append(_used(contender, place).cpu_s)
        starts[program] = min(start_up)
        print(f"{program} starts in {starts[program]:.2f} CPU-s", file=sys.stderr)
    return Found(contender, int(count * contender.share), starts[program])


def _one_run(found: Found, kafka: KafkaSettings, events: list[StoredEvent], truth: Mapping[CellId, Figures]) -> None:
    with _place(found.contender, kafka, events) as place:
        found.runs.append(_used(found.contender, place))
        found.checks.append(checked(truth, found.contender.read(place)))


@contextlib.contextmanager
def _place(contender: Contender, kafka: KafkaSettings, events: list[StoredEvent]) -> Iterator[Place]:
    with (
        tempfile.TemporaryDirectory(prefix="avenue-peer-") as folder,
        published(kafka, events, contender.shape) as given,
    ):
        yield Place(kafka, given, Path(folder) / "state")


def _used(contender: Contender, place: Place) -> Used:
    """Run the contender until it has committed everything, and return what that took."""
    place.folder.mkdir()
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        with _one_core():
            process = subprocess.Popen(
                contender.command(place), env=place.environ(contender), cwd=place.folder, stdout=log, stderr=log
            )
        try:
            peak_mb = _wait(contender, place, process)
            wall_s = time.monotonic() - began
            usage = _ended(process)
            _refuse_failure(contender, process.returncode)
        except BaseException:
            process.kill()
            process.wait()
            log.seek(0)
            sys.stderr.write(log.read()[-4000:].decode(errors="replace"))
            raise
    return Used(usage.ru_utime + usage.ru_stime, peak_mb, wall_s)


def _refuse_failure(contender: Contender, code: int | None) -> None:
    """Raise where a contender that ends by itself ended badly; the others were told to end."""
    if contender.ends_itself and code:
        raise RuntimeError(f"{contender.name} ended with {code}")


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Let what is started here have the last core alone; macOS has no such call, and there all are used."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _wait(contender: Contender, place: Place, process: "subprocess.Popen[bytes]") -> float:
    """Return when all is read and committed, or it has ended where it is to end by itself; the peak memory in MiB."""
    deadline, peak = time.monotonic() + RUN_S, 0.0
    joined_at: float | None = None
    admin = make_admin(place.kafka)
    try:
        while time.monotonic() < deadline:
            peak = max(peak, _peak_mb(process.pid))
            if _has_ended(process):
                if contender.ends_itself:
                    return peak
                raise RuntimeError(f"{contender.name} ended by itself")
            if place.given.messages:
                done = place.given.messages <= _committed(admin, contender.group(place))
            else:
                joined_at = joined_at or (time.monotonic() if _joined(admin, contender.group(place)) else None)
                done = joined_at is not None and time.monotonic() > joined_at + SETTLE_S
            if done and not contender.ends_itself:
                return peak
            time.sleep(POLL_S)
    finally:
        admin.close()
    raise RuntimeError(f"{contender.name} was not done after {RUN_S:.0f} s")


def _peak_mb(pid: int) -> float:
    """Return the highest resident memory of *pid* so far; its usage at the end would count this process in."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        found = None  # no such system
    return int(found[1]) / MIB if found else 0.0


def _joined(admin: Any, group: str) -> bool:
    try:
        return bool(admin.describe_groups([group])[group]["group_state"] == "Stable")
    except KafkaError:
        return False  # nobody has asked for it yet


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Tell whether the process has ended, and leave it to be waited for: that gives its CPU time."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _committed(admin: Any, group: str) -> int:
    offsets = admin.list_group_offsets(group).get(group, {})
    return sum(max(0, mark.offset) for place, mark in offsets.items() if place.topic.endswith("pilot-events.v1"))


def _ended(process: "subprocess.Popen[bytes]") -> Any:
    # Not Popen's own calls: they would reap the process, and its usage with it.
    os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_S
    while not _has_ended(process):
        if time.monotonic() > deadline:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(POLL_S)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _say(found: Found, number: int) -> None:
    used, check = found.runs[-1], found.checks[-1]
    right = "right" if check.right else f"{check.wrong} of {check.cells} cells wrong"
    print(
        f"{number + 1} {found.contender.name:<18}{found.per_million[-1]:>9.1f} CPU-s/M {used.peak_mb:>6.0f} MB "
        f"{used.wall_s:>6.1f} s  {right}, told {check.events_told} of {check.events}, "
        f"distinct off by {check.distinct_error_percent} %",
        file=sys.stderr,
    )


def _result(found: list[Found], asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "what": "CPU-seconds per million events, from a topic to the result, one process on one core",
        "machine": machine(),
        "versions": _versions(),
        "load_average": os.getloadavg()[0],
        "command": " ".join(["python -m bench.peers.run", *sys.argv[1:]]),
        "events": asked.events,
        "runs": len(found[0].runs),
        "contenders": [_row(each) for each in found],
    }


def _row(found: Found) -> dict[str, Any]:
    contender, values = found.contender, found.per_million
    worst = max(found.checks, key=lambda check: check.wrong)
    return {
        "name": contender.name,
        "label": contender.label,
        "events_a_message": int(contender.shape),
        "dedupe": contender.dedupe,
        "state": contender.state,
        "cpu_seconds_per_million_events": {
            "min": round(min(values), 2),
            "median": round(statistics.median(values), 2),
            "runs": [round(value, 2) for value in values],
        },
        "start_up_cpu_seconds": round(found.start_up_s, 2),
        "memory_peak_mb": round(max(used.peak_mb for used in found.runs)),
        "events": found.events,
        "check": asdict(worst) | {"right": worst.right},
    }


def _versions() -> dict[str, str]:
    program = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version()} | {name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [PEERS_PYTHON, "-c", program, *PACKAGES], capture_output=True, text=True, check=True, timeout=60
    )
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
