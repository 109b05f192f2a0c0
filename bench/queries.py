"""How long the trial page's questions take over many stored events, and what they cost.

    python bench/queries.py --folder FOLDER [--events 100000000] [--trials 40] [--rounds 40] [--label after]

Makes the store in FOLDER as far as it is not there (100 million events: 20 minutes of one core, 9.5 GB), then asks what
the page asks, each question of trials and intervals in turn, through the read path on chDB; last the whole page
through the app, at first sight and again. What is kept of summed days is kept, as in a server: a question about a
trial or an interval that was not asked about before finds nothing kept. Times are wall: they are
latencies. CPU is of the process, all threads.
Rows and bytes are as the engine sums them up: chDB counts those of the answer, a server those that were read.
"""

import argparse
import json
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from avenue.serve.application import http_application
from bench.machine import RESULTS, machine
from bench.query_store import DAYS, KEY, NOW_MS, TRIALS, Making, directory, make, trial_ids
from reports.api.live import counts
from reports.dashboard.trend import TrendPick, trend
from reports.dashboard.trial_data import BY_PLATFORM, judged_by
from reports.metrics import METRICS
from reports.queries import freshness, funnel, health, live, presence, series, totals
from reports.queries.context import QueryContext, RollupCache
from reports.queries.model import Interval, SeriesQuestion, TotalsQuestion
from reports.queries.readout import readout
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ClickHouseSettings, Settings
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

ALL = tuple(METRICS)


@dataclass
class Spy:
    """A client that counts what it is asked and what that reads."""

    client: Any
    queries: int = 0
    rows: int = 0
    bytes: int = 0
    wall_ms: list[float] = field(default_factory=list)
    """Of each statement."""

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Ask, and count."""
        began = time.perf_counter()
        found = self.client.query(*args, **kwargs)
        self.wall_ms.append(1000 * (time.perf_counter() - began))
        self.queries += 1
        self.rows += int(found.summary.get("read_rows", 0))
        self.bytes += int(found.summary.get("read_bytes", 0))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


@dataclass
class Figures:
    """One question's rounds."""

    name: str
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    statement_ms: list[float] = field(default_factory=list)
    """Wall time of each statement that was asked."""

    def tree(self) -> dict[str, Any]:
        """Return them for the result file."""
        return {
            "name": self.name,
            "rounds": len(self.wall_ms),
            "p50_ms": round(percentile(self.wall_ms, 50), 1),
            "p95_ms": round(percentile(self.wall_ms, 95), 1),
            "max_ms": round(max(self.wall_ms), 1),
            "cpu_ms": round(statistics.fmean(self.cpu_ms), 1),
            "queries": round(statistics.fmean(self.queries), 1),
            **({"query_p95_ms": round(percentile(self.statement_ms, 95), 1)} if self.statement_ms else {}),
            "rows": round(statistics.fmean(self.rows)),
            "bytes": round(statistics.fmean(self.bytes)),
        }


Question = Callable[[QueryContext, str, Interval], Any]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest of *values* that at least *percent* do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def questions() -> dict[str, Question]:
    """Return what the page asks, by name; each is given a context, a trial and an interval."""

    def of_totals(*by: Any, metrics: Any = ALL) -> Question:
        return lambda c, t, i: totals.totals(c, TotalsQuestion(t, metrics, i, by=by))

    def of_trend(**pick: Any) -> Question:
        chosen = TrendPick(
            **{"metric": "success_rate", "by": "arm", "range": "28d", "step": "day", **pick}, compare=False
        )
        return lambda c, t, _: trend(c, t, chosen)

    return {
        "freshness": freshness.freshness,
        "health list": lambda c, t, _: health.health(c, t),
        "last 15 minutes": lambda c, t, _: live.live_counts(c, t, 15),
        "live counts": lambda c, t, _: counts(c, t),
        "readout, judged by": lambda c, t, _: readout(c, t, judged_by(c.directory.trials[t])),
        "readout, every metric": lambda c, t, _: readout(c, t),
        "totals": of_totals(),
        "totals by arm": of_totals("arm"),
        "totals by platform": of_totals("platform", metrics=BY_PLATFORM),
        "14 days of every metric": _sparks,
        "funnel by arm": lambda c, t, i: funnel.funnel(c, t, i, "arm"),
        "presence of placements": presence.presences,
        "ledger of 48 hours": _ledger,
        "trend 28 days by arm": of_trend(),
        "trend of people, trial by platform": of_trend(metric="subjects", by="platform", range="trial"),
        "trend of p95, trial by placement": of_trend(metric="duration_p95", by="placement", range="trial"),
        "trend 7 days by hour": of_trend(metric="subjects", range="7d", step="hour"),
        "trend 24 hours by minute": of_trend(metric="events", by="kind", range="24h", step="minute"),
    }


def _sparks(context: QueryContext, trial_id: str, interval: Interval) -> Any:
    days = Interval(max(interval.from_ms, interval.to_ms - 14 * DAY_MS), interval.to_ms)
    return series.series(context, SeriesQuestion(trial_id=trial_id, metrics=ALL, interval=days, step="day", dense=True))


def _ledger(context: QueryContext, trial_id: str, interval: Interval) -> Any:
    end = interval.to_ms - interval.to_ms % HOUR_MS
    return presence.ledger(context, trial_id, Interval(end - 48 * HOUR_MS, end))


def intervals(rng: random.Random) -> Iterator[Interval]:
    """Give the trial so far, and every third time a part of it that begins and ends anywhere."""
    first = NOW_MS - (DAYS - 1) * DAY_MS - (NOW_MS + 8 * HOUR_MS) % DAY_MS
    while True:
        for _ in range(2):
            yield Interval(first, NOW_MS + MINUTE_MS)
        start = first + rng.randrange(60 * DAY_MS)
        yield Interval(start, start + rng.randrange(5 * DAY_MS, 30 * DAY_MS))


@contextmanager
def measured(figures: Figures, spies: Sequence[Spy]) -> Iterator[None]:
    """Note what runs inside."""
    before = [(spy.queries, spy.rows, spy.bytes) for spy in spies]
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    figures.wall_ms.append(1000 * (time.perf_counter() - wall))
    figures.cpu_ms.append(1000 * (time.process_time() - cpu))
    after = [(spy.queries, spy.rows, spy.bytes) for spy in spies]
    sums = [sum(new[n] - old[n] for new, old in zip(after, before, strict=True)) for n in range(3)]
    for values, value in zip((figures.queries, figures.rows, figures.bytes), sums, strict=True):
        values.append(value)


def ask_questions(store: ClickHouse, trials: int, rounds: int, only: str) -> list[Figures]:
    """Ask each question *rounds* times, of other trials and intervals each time."""
    known, found, rollup_cache = directory(), [], RollupCache()
    for name, question in questions().items():
        if only and only not in name:
            continue
        rng, figures = random.Random(name), Figures(name)
        chosen = intervals(rng)
        spy = Spy(store.reader())
        for number in range(rounds + 1):
            context = QueryContext(client=spy, directory=known, now_ms=NOW_MS, rollup_cache=rollup_cache)  # type: ignore[arg-type]  # as a client
            trial = trial_ids()[rng.randrange(trials)]
            # The first round opens files that an idle store has not open; it is not counted.
            with measured(figures if number else Figures(""), [spy]):
                question(context, trial, next(chosen))
            if not number:
                spy.wall_ms.clear()
        figures.statement_ms += spy.wall_ms
        show(figures)
        found.append(figures)
    return found


class Spies(ClickHouse):
    """A store whose readers count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spies: dict[int, Spy] = {}

    def reader(self) -> Any:
        """Return this thread's reader, counting."""
        client = super().reader()
        return self.spies.setdefault(id(client), Spy(client))


def ask_pages(store: Spies, trials: int, rounds: int) -> list[Figures]:
    """Fetch the trial's page through the app: each trial once, then some again; and the list of trials."""
    settings = Settings(clickhouse=ClickHouseSettings(max_threads=2))
    service = ReadService(clickhouse=store, directory=_fixed(), settings=settings, clock=ManualClock(NOW_MS))
    first, again, listed = Figures("page, first sight"), Figures("page, again"), Figures("list of 40 trials")
    with TestClient(http_application(service.settings, service.directory, read_service=service)) as client:
        client.headers["accept-language"] = "en"
        client.post("/sign-in", data={"key": KEY, "next": "/trials"})
        ids = trial_ids()[:trials]
        client.get(f"/trials/{ids[0]}")
        for number in range(min(rounds, trials - 1)):
            _fetch(client, f"/trials/{ids[1 + number]}", first, store)
            _fetch(client, f"/trials/{ids[1 + number // 2]}", again, store)
        for _ in range(max(2, rounds // 10)):
            _fetch(client, "/trials", listed, store)
    service.close()
    for figures in (first, again, listed):
        show(figures)
    return [first, again, listed]


def _fixed() -> Callable[[], Any]:
    known = directory()
    return lambda: known


def _fetch(client: TestClient[Any], path: str, figures: Figures, store: Spies) -> None:
    with measured(figures, AllSpies(store)):
        answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:400]}")


class AllSpies(Sequence[Spy]):
    """The readers of all threads as one, for threads are started on the way."""

    def __init__(self, store: Spies) -> None:
        self._store = store

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        if index:
            raise IndexError(index)
        spies = list(self._store.spies.values())
        return Spy(None, sum(s.queries for s in spies), sum(s.rows for s in spies), sum(s.bytes for s in spies))


def disk(store: ClickHouse) -> dict[str, Any]:
    """Return bytes on disk and rows by table."""
    answer = store.writer().query(
        "SELECT table, sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() "
        "GROUP BY table ORDER BY 2 DESC"
    )
    return {str(table): {"bytes": int(size), "rows": int(rows)} for table, size, rows in answer.result_rows}


def show(figures: Figures) -> None:
    """Print one question's line."""
    tree = figures.tree()
    print(
        f"{tree['name']:<36} p50 {tree['p50_ms']:>8.1f}  p95 {tree['p95_ms']:>8.1f}  max {tree['max_ms']:>8.1f} ms"
        f"  cpu {tree['cpu_ms']:>8.1f} ms  queries {tree['queries']:>5.1f}, p95 {tree.get('query_p95_ms', '-'):>6} ms"
        f"  rows {tree['rows']:>10,}  {tree['bytes'] / 1e6:>8.1f} MB",
        flush=True,
    )


def main() -> int:
    """Make the store where it is missing, ask, print, write the result."""
    arguments = _arguments()
    logging.disable(logging.INFO)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="queries-"))
    store = Spies(ClickHouseSettings(database="bench", max_threads=2), path=folder)
    done = folder.with_name(folder.name + ".events")
    events, trials = (int(word) for word in done.read_text().split()) if done.exists() else (arguments.events, 0)

    def note(number: int) -> None:
        done.write_text(f"{events} {number}")
        print(f"{time.process_time():8.1f} s  {number} trials", file=sys.stderr, flush=True)

    if trials < arguments.trials:
        make(Making(store, events, arguments.trials), trials, note)
        trials = arguments.trials
    if not arguments.rounds:
        return 0
    result = {
        "command": f"python bench/queries.py --events {events} --trials {trials} --rounds {arguments.rounds}",
        "label": arguments.label,
        "events": events * trials // TRIALS,
        "machine": machine(),
        "disk": disk(store),
    }
    print(json.dumps(result))
    figures = ask_questions(store, trials, arguments.rounds, arguments.only)
    if not arguments.only:
        figures += ask_pages(store, trials, arguments.rounds)
        RESULTS.mkdir(exist_ok=True)
        name = f"queries-{events * trials // TRIALS // 1_000_000}m-{arguments.label}.json"
        tree = {**result, "questions": [one.tree() for one in figures]}
        (RESULTS / name).write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    store.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="of the store; default: a new temporary one")
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--trials", type=int, default=TRIALS, help="of the forty, how many have their events")
    parser.add_argument("--rounds", type=int, default=40, help="0: make the store only")
    parser.add_argument("--label", default="now", help="in the result's name")
    parser.add_argument("--only", default="", help="questions whose name holds this")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
