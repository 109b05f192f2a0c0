"""The worker under random crashes: kills between any two steps, zombies, records redelivered and skipped.

The real worker runs against a random log. Every row that a reader could see has to equal the plain recomputation of
the log's prefix at its version; at the end the rows have to be complete. Each guard is then taken away, and rows go
wrong, so the model sees what it is for. `AVENUE_TEST_MODEL_RUNS=20000` runs it longer.
"""

import asyncio
import os
import random
from collections.abc import Callable, Iterator

import pytest
import structlog

import streams.metrics_worker
import streams.rebuild
import streams.state
from runtime.kafka import LogRecord
from runtime.settings import WorkerSettings
from schemas.codec import decode_cell, decode_progress, decode_source
from schemas.topics import Topic
from streams.metrics_worker import MetricsWorker, WorkerDeps
from streams.outbox import OutboxMessage
from streams.state import SourceState
from tests.support.counting_harness import (
    TIMING,
    CellName,
    ExpectedRows,
    InlineExecutor,
    MemoryLog,
    cell_name,
    make_epoch,
    random_log,
)

RUNS = int(os.environ.get("AVENUE_TEST_MODEL_RUNS", "60"))
FIRST_SEED = 1000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


class Wrong(Exception):  # noqa: N818 - a finding, not a fault
    """A reader saw what is not so."""


class Reader:
    """Sees every row, keeps the highest version of each, and holds all of them against the truth."""

    def __init__(self, truth: ExpectedRows) -> None:
        self.truth = truth
        self.shown: dict[CellName, int] = {}

    def see(self, message: OutboxMessage) -> None:
        for line in message.value.split(b"\n"):
            match (message.key or b"").split(b":")[0]:
                case b"cells":
                    self._see_cell(line)
                case b"progress":
                    cell = decode_progress(line)
                    key = cell.received_minute_ms, cell.account_id
                    if self.truth.progress[cell.version].get(key) != cell:
                        raise Wrong(f"progress {cell}")
                case b"source":
                    self._see_source(decode_source(line).next_offset)

    def _see_cell(self, line: bytes) -> None:
        row = decode_cell(line)
        name = cell_name(row)
        if self.truth.cells[row.version].get(name) != row:
            raise Wrong(f"cell {row}, truth {self.truth.cells[row.version].get(name)}")
        self.shown[name] = max(self.shown.get(name, -1), row.version)

    def _see_source(self, next_offset: int) -> None:
        if missing := self.missing(next_offset - 1):
            raise Wrong(f"source row {next_offset} ahead of {missing}")

    def missing(self, upto: int) -> list[CellName]:
        standing = self.truth.standing(upto)
        return [name for name, row in standing.items() if self.shown.get(name, -1) < row.version]


class Cluster:
    """The broker's side: what was committed, and by whom it may be."""

    def __init__(self, *, ahead: bool) -> None:
        self.committed = 0
        self.generation = 0
        self.ahead = ahead


class Process:
    """One worker process: takes records, flushes; each of its sends waits until the model lets it through."""

    def __init__(self, cluster: Cluster, log: MemoryLog, reader: Reader, chance: random.Random) -> None:
        cluster.generation += 1
        self.cluster, self.log, self.reader, self.chance = cluster, log, reader, chance
        self.generation, self.fetch = cluster.generation, cluster.committed
        self.gates: list[tuple[OutboxMessage, asyncio.Future[None]]] = []
        self.task: asyncio.Task[None] | None = None
        self.unflushed = self.began = False
        deps = WorkerDeps(log, InlineExecutor(), self._send)
        self.worker = MetricsWorker(make_epoch(), TIMING, WorkerSettings(), deps)

    async def _send(self, message: OutboxMessage) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append((message, gate))
        await gate
        if message.topic is Topic.METRICS:
            self.reader.see(message)

    async def step(self) -> bool:
        """Do one thing: let a send through, take a record, or begin a flush. False where nothing is left to do."""
        if self.gates:
            _, gate = self.gates.pop(self.chance.randrange(len(self.gates)))
            gate.set_result(None)
        elif (
            self.task is None
            and self.fetch < len(self.log.records)
            and (not self.unflushed or self.chance.random() < 0.7)
        ):
            self._take()
        elif self.task is None and self.unflushed:
            self.unflushed = False
            self.task = asyncio.create_task(self.worker.flush())
        elif self.task is None:
            return False
        await self._turn()
        return True

    def _take(self) -> None:
        if self.chance.random() < 0.05:
            self.fetch = max(0, self.fetch - self.chance.randint(1, 4))  # redelivered
        # Skipped: by a consumer under way. One that starts beyond the commit is a commit that ran ahead.
        if self.chance.random() < 0.03 and (self.began or self.cluster.ahead):
            self.fetch = min(len(self.log.records) - 1, self.fetch + 1)
        self.began = True
        record = self.log.records[self.fetch]
        self.task = asyncio.create_task(self.worker.take(record, lambda: self._commit(record)))
        self.fetch, self.unflushed = record.offset + 1, True

    def _commit(self, record: LogRecord) -> None:
        if self.generation != self.cluster.generation:
            return  # the broker fences a zombie's commits
        ran_ahead = self.cluster.ahead and self.chance.random() < 0.1 and record.offset + 2 < len(self.log.records)
        self.cluster.committed = max(self.cluster.committed, record.offset + 1 + ran_ahead)

    async def _turn(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        if self.task is not None and self.task.done():
            task, self.task = self.task, None
            task.result()

    async def kill(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


async def run(seed: int, *, ahead: bool = False) -> str:
    """Return what a reader was shown wrongly, or missed at the end; nothing where all was well."""
    chance = random.Random(seed)
    written = random_log(chance, chance.randint(8, 40))
    log, reader, cluster = (
        MemoryLog([record for record, _ in written]),
        Reader(ExpectedRows(written)),
        Cluster(ahead=ahead),
    )
    live = [Process(cluster, log, reader, chance)]
    try:
        await _disturb(live, lambda: Process(cluster, log, reader, chance), chance)
        while await live[-1].step():
            pass
    except Wrong as wrong:
        return str(wrong)
    finally:
        for process in live:
            await process.kill()
    missing = reader.missing(len(written) - 1)
    return f"missing at the end: {missing}" if missing else ""


async def _disturb(live: list[Process], start: Callable[[], Process], chance: random.Random) -> None:
    faults = chance.randint(0, 6)
    for _ in range(1000):
        dice = chance.random()
        if faults and dice < 0.04:
            faults -= 1
            await live.pop().kill()
            live.append(start())
        elif faults and dice < 0.07:
            faults -= 1
            live.append(start())  # the old one lives on, as a zombie
        elif len(live) > 1 and dice < 0.1:
            await live.pop(0).kill()
        process = chance.choice(live) if chance.random() < 0.5 else live[-1]
        if not await process.step() and process is live[-1] and not faults:
            return


def findings(runs: int, *, ahead: bool = False, stop_at: str | None = None) -> list[str]:
    """Return what *runs* runs found; only until one begins with *stop_at*, where that is given."""

    async def all_of_them() -> list[str]:
        found: list[str] = []
        for seed in range(FIRST_SEED, FIRST_SEED + runs):
            if text := await run(seed, ahead=ahead):
                found.append(text)
                if stop_at is not None and text.startswith(stop_at):
                    break
        return found

    return asyncio.run(all_of_them())


def shows_wrong_cells() -> bool:
    return any(text.startswith("cell") for text in findings(600, stop_at="cell"))


def test_every_row_a_reader_can_see_is_right_and_the_last_ones_are_all_there() -> None:
    assert findings(RUNS) == []


def test_a_commit_that_runs_ahead_costs_at_most_a_last_row_and_makes_none_wrong() -> None:
    found = findings(RUNS, ahead=True)

    assert [text for text in found if not text.startswith(("missing", "source row"))] == []
    assert len(found) <= RUNS // 20


def test_without_reading_back_far_enough_rows_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.rebuild, "lookback_ms", lambda timing: timing.grace_ms)
    monkeypatch.setattr(streams.rebuild, "_whole_from_ms", lambda from_ms, _: from_ms)

    assert shows_wrong_cells()


def test_with_one_span_of_log_ids_that_come_with_other_content_make_rows_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.rebuild, "lookback_ms", lambda timing: timing.span_ms + 2 * timing.slack_ms)
    monkeypatch.setattr(streams.rebuild, "_whole_from_ms", lambda from_ms, _: from_ms)

    assert shows_wrong_cells()


def test_without_reading_gaps_rows_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def skip(state: SourceState, record: LogRecord, _log: object, *, on_record: object) -> None:
        state.next_offset = record.offset

    monkeypatch.setattr(streams.metrics_worker, "read_gap", skip)

    assert shows_wrong_cells()


def test_without_sending_again_after_a_rebuild_last_rows_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild = streams.rebuild.rebuild

    def silent(*args: object, **kwargs: object) -> SourceState:
        state = rebuild(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        for cell in state.dirty_cells:
            cell.dirty = False
        for progress in state.dirty_progress:
            progress.dirty = False
        state.dirty_cells.clear()
        state.dirty_progress.clear()
        return state

    with_it = len(findings(80, ahead=True))
    monkeypatch.setattr(streams.metrics_worker, "rebuild", silent)

    assert len(findings(80, ahead=True)) > with_it + 2


def test_without_dedupe_rows_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.state.SourceState, "__post_init__", lambda state: setattr(state, "span_ms", -1))

    assert shows_wrong_cells()
