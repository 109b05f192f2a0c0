"""10,000 events with persons in every field: whether any of them is found anywhere that keeps or shows something.

    python -m bench.personal [--events 10000] [--at-once 8] [--show 20]

Starts an embedded stack and sends a partner's own batches and every published native message of every flow, signed,
each with names, numbers, addresses and passwords that stand once in the run: in fields, nested objects, names of
fields, ids, headers and parameters; some to places that nobody registered, some cut, some signed wrongly. Then
rejects are replayed, a report is frozen, and every place is read: topics, tables, logs, metrics, pages and API of
every sort of key, exports, the frozen report and its extract, the verdicts beside a sent file, and every file of the
home folder, once more after the stack was stopped. A sort of place in which a harmless marker is not found has not
been read. Exit 1 where a value is found that no line of `MAY_BE_FOUND` speaks of, or a marker is not.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from avenue.demo.registry import write_demo_registry
from bench import personal_places as places
from bench.layouts import AVENUE, Road, embedded, settings_of, wait
from bench.machine import RESULTS, machine
from bench.personal_batches import EVENTS_OF_ONE, MARKER, Batches
from bench.personal_pushes import NativePushes, Request
from bench.personal_values import RECOGNISED, SORTS, PersonalValue, PersonalValues
from bench.pushes import headers_of
from registry.file import load_registry
from registry.keys import issue_key
from registry.topic import RegistryWriter
from schemas.registry import Registry

BATCH_ACCOUNT = "push-demo"
TRIAL = "neuro-band-demo"
BATCH_SHARE = 0.5
ANSWER_S, COMMAND_S, RECONCILE_S = 60.0, 300.0, 180.0
SENT_FILE_EVENTS = 200
REPLAYED = 500
AFTER_STOP = "after the stop"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be found, and why."""

    why: str
    holds: Callable[[PersonalValue], bool]


AMOUNTS = frozenset({"amount_fen", "pay_amount", "amount", "total_amount"})
ID_SHAPED = ("card", "landline", "wechat")
"""What is written as ids are."""
MAY_BE_FOUND = (
    Allowed(
        "amount: a whole number in an amount's field is an amount, also one of eleven digits",
        lambda value: value.where == "native number" and value.field.rpartition(".")[2] in AMOUNTS,
    ),
    Allowed(
        "own text: a partner's own fields are looked at for telephone, identity and card numbers and e-mail addresses; "
        "that another word is a name, an address or a password cannot be told from its form",
        lambda value: (
            value.sort not in RECOGNISED
            and value.where in {"batch free text", "batch own field", "batch name of an unknown field"}
        ),
    ),
    Allowed(
        "id: what stands where a platform has an id, and is written as ids are, is an id; "
        "telephone and identity numbers and e-mail addresses are looked for there too",
        lambda value: value.where in {"native leaf", "native place"} and value.sort in ID_SHAPED,
    ),
    Allowed(
        "name: a header, parameter or field whose name is a word of letters is told by it",
        lambda value: value.field.endswith("(a name)") and value.sort == "wechat",
    ),
)

MARKERS: dict[str, str] = {
    "topic": MARKER, "table": MARKER, "log": "ready", "ops": "avenue_gateway_events_total", "page": BATCH_ACCOUNT,
    "api": MARKER, "frozen": TRIAL, "extract": "exposure", "verdicts": "who-file-", "file": "operator_key",
    f"file {AFTER_STOP}": "cluster.id",
}  # fmt: skip
"""By sort of place, what must be found in it."""


@dataclass
class Findings:
    """What was looked through, and what was found."""

    values: PersonalValues
    read: Counter[str] = field(default_factory=Counter)
    """Characters, by sort of place."""
    count: Counter[str] = field(default_factory=Counter)
    """Places, by sort."""
    marked: set[str] = field(default_factory=set)
    allowed: dict[str, set[str]] = field(default_factory=dict)
    """By reason, which."""
    leaks: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """By sort of value and where it was sent: in which sorts of places it was found, and a place of each."""
    found: Counter[str] = field(default_factory=Counter)
    """By sort of place, how often one was found."""

    def look(self, found: Iterable[places.Place], note: str = "") -> None:
        """Look through *found*."""
        for name, text in found:
            sort = name.split(" ", 1)[0] + (f" {note}" if note else "")
            self.read[sort] += len(text)
            self.count[sort] += 1
            if MARKERS[sort] in text:
                self.marked.add(sort)
            for value in self.values.found_in(text):
                self._note(value, name)

    def _note(self, value: PersonalValue, place: str) -> None:
        why = next((allowed.why for allowed in MAY_BE_FOUND if allowed.holds(value)), None)
        if why is not None:
            self.allowed.setdefault(why, set()).add(value.text)
            return
        self.found[place.split(" ", 1)[0]] += 1
        where = self.leaks.setdefault((value.sort, f"{value.where}, {value.field}"), {})
        where.setdefault(place.split(" ", 1)[0], f"{place}: {value.text}")

    @property
    def unread(self) -> list[str]:
        """Sorts of places in which the harmless marker was not found."""
        return sorted(MARKERS.keys() - self.marked)


def main() -> int:
    """Send, look, print, write the results."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="avenue-personal-") as folder:
        home = Path(folder)
        trade_key = write_demo_registry(home / "demo.toml", today=datetime.now(UTC).date())
        road = embedded(home / "home", registry=home / "demo.toml")
        values = PersonalValues()
        findings = Findings(values)
        try:
            registry = load_registry(home / "demo.toml")
            key = road.pushing_key(BATCH_ACCOUNT)
            run = _Run(
                road, Batches(key, _places(registry), values), NativePushes(registry, trade_key.read_bytes(), values)
            )
            asyncio.run(run.send(asked.events, asked.at_once))
            _send_file(road, key, run.batches, home)
            _replay(road)
            _settled(road)
            for place in _places_of(road, registry, key, home):
                findings.look(place)
        finally:
            road.stop()
        findings.look(places.files(road), AFTER_STOP)
    return _told(asked, run, findings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--show", type=int, default=20, help="of what was found")
    return parser.parse_args()


def _places(registry: Registry) -> list[str]:
    return [placement.id for placement in registry.placements if placement.account == BATCH_ACCOUNT]


class _Run:
    """So many events, and what they were answered."""

    def __init__(self, road: Road, batches: Batches, native: NativePushes) -> None:
        self._url = road.url
        self.batches = batches
        self.native = native
        self.answers = Counter[str]()
        self.events = 0

    async def send(self, events: int, at_once: int) -> None:
        """Send *events*, *at_once* requests at a time."""
        async with httpx.AsyncClient(base_url=self._url, timeout=ANSWER_S, trust_env=False) as client:

            async def sender() -> None:
                while self.events < events:
                    await self._one(client)

            await asyncio.gather(*(sender() for _ in range(at_once)))

    async def _one(self, client: httpx.AsyncClient) -> None:
        turn = self.answers.total() * BATCH_SHARE / EVENTS_OF_ONE
        batch = int(turn + BATCH_SHARE / EVENTS_OF_ONE) > int(turn)
        sent = self.batches.next() if batch else self.native.next()
        self.events += EVENTS_OF_ONE if batch else 1
        status = await self._status(client, sent)
        self.answers[f"{'batch' if batch else 'native'}, {sent.made}: {status}"] += 1

    async def _status(self, client: httpx.AsyncClient, sent: Request) -> int:
        headers = {name.encode(): value.encode() for name, value in sent.headers.items()}
        answer = await client.request(sent.method, sent.target, content=sent.body, headers=list(headers.items()))
        return answer.status_code


def _send_file(road: Road, key: str, batches: Batches, folder: Path) -> None:
    """Send a file by the partner's own client, which writes verdicts beside it."""
    file = folder / "history.ndjson"
    events = (batches.event() | {"event_id": f"who-file-{number}"} for number in range(SENT_FILE_EVENTS))
    file.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))
    command = [*AVENUE, "send", str(file), "--url", road.url, "--key", key, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_S, cwd=folder)
    # What it prints stays in a terminal's log or a job's.
    (folder / "printed.verdicts.ndjson").write_text(done.stdout + done.stderr)


def _replay(road: Road) -> None:
    """Judge kept rejects once more, as after a fix."""
    headers = headers_of(road.operator_key)
    open_ones = json.dumps({"account": "", "reason": "", "limit": REPLAYED}).encode()
    found = httpx.post(f"{road.url}/internal/open-rejects", content=open_ones, headers=headers, timeout=ANSWER_S)
    found.raise_for_status()
    done = httpx.post(f"{road.url}/internal/rejects/replay", content=found.content, headers=headers, timeout=ANSWER_S)
    done.raise_for_status()


def _settled(road: Road) -> None:
    """Wait until everything is stored and counted."""
    asked = {"wait_s": str(RECONCILE_S)}
    headers = headers_of(road.operator_key)
    answer = httpx.get(f"{road.url}/internal/reconcile", params=asked, headers=headers, timeout=RECONCILE_S * 3)
    answer.raise_for_status()


def _places_of(road: Road, registry: Registry, key: str, folder: Path) -> Iterator[Iterable[places.Place]]:
    keys = {"operator": road.operator_key, f"account:{BATCH_ACCOUNT}": key}
    keys |= {f"account:{account.id}": _key(road, f"account:{account.id}") for account in registry.accounts[:5]}
    keys |= {f"startup:{startup.id}": _key(road, f"startup:{startup.id}") for startup in registry.startups}
    keys |= {"programme": _key(road, "programme")}
    for scope, known in keys.items():
        yield places.pages(road, scope, known)
    yield places.frozen(road, TRIAL)
    yield places.beside(folder)
    yield places.topics(road)
    yield places.tables(road)
    yield places.metrics(road)
    yield places.logs(road)
    yield places.files(road)


def _key(road: Road, scope: str) -> str:
    """Return a new key of *scope* that the server knows."""
    issued = issue_key(scope, now=datetime.now(UTC))
    with RegistryWriter(settings_of(road.home, road.bootstrap)) as writer:
        writer.publish_key(issued.entry)
    path = "/v1/account/overview" if scope.startswith("account:") else "/v1/me"
    known = lambda: httpx.get(road.url + path, headers=headers_of(issued.secret), timeout=ANSWER_S).status_code == 200  # noqa: E731
    wait(known, 30, f"the key of {scope} did not take hold")
    return issued.secret


def _told(asked: argparse.Namespace, run: _Run, findings: Findings) -> int:
    leaks = [{"sort": sort, "sent_in": sent, "found_in": where} for (sort, sent), where in findings.leaks.items()]
    found: dict[str, Any] = {
        "events": run.events,
        "answers": dict(sorted(run.answers.items())),
        "flows": sorted("/".join(flow) for flow in run.native.flows),
        "personal_values_sent": len(findings.values),
        "sorts": list(SORTS),
        "places_read": dict(sorted(findings.count.items())),
        "characters_read": dict(sorted(findings.read.items())),
        "places_where_the_marker_was_not_found": findings.unread,
        "found": {sort: findings.found[sort] for sort in sorted(findings.count)},
        "found_in_all": findings.found.total(),
        "may_be_found": {why: len(texts) for why, texts in findings.allowed.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    if not leaks and asked.events >= 10_000:
        result = {"what": "persons in every field", "machine": machine(), **found}
        (RESULTS / "personal.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({**found, "shown": leaks[: asked.show]}, indent=1, ensure_ascii=False))
    return 1 if leaks or findings.unread else 0


if __name__ == "__main__":
    sys.exit(main())
