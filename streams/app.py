"""The worker's life: epoch, Faust, flushes, watch; and its end, in order, whatever ends it."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from registry.epochs import ensure_topics_and_epoch, timing_of
from runtime.codecs import refuse_missing_codecs
from runtime.health import Health
from runtime.kafka import leave_group
from runtime.logging import get_logger
from runtime.ops_server import OpsServer
from runtime.settings import Settings, WorkerSettings
from schemas.registry import Epoch
from schemas.topics import Topic, worker_group
from streams.log_reader import KafkaLog
from streams.metrics_worker import MetricsWorker, WorkerDeps
from streams.watchdog import ConsumedTopic, Watchdog, WatchedWorker

if TYPE_CHECKING:
    from streams.outbox import OutboxMessage
    from streams.topology import Topology

log = get_logger(__name__)

DRAIN_S = 2.5
"""For the last flush. A broker that does not confirm by then has lost nothing: what is unacknowledged is read again."""
LEAVE_S = 1.5
"""For Faust to leave its group and close its clients; then, where its name in the group is fixed, to give that up."""
HANG_S = 7.0
"""After this the process ends without waiting for any thread."""
PAUSE_PER_FLUSH = 9.0
"""So that flushes take a tenth of the time at the most, as long as the numbers may wait for it."""


def run_worker(settings: Settings, ops_port: int, *, prefix: str = "") -> int:
    """Run the worker until TERM or INT; return the process's exit code: 0 after a drain, 1 where it had to stop.

    *ops_port* 0 picks a free one. *prefix* stands before every topic and group. Raises `ConfigurationError` where the
    settings contradict the epoch, the ops port is taken or a codec is missing, `UnavailableError` where no broker
    answers.
    """
    refuse_missing_codecs("aiokafka")
    epoch = ensure_topics_and_epoch(settings, prefix=prefix)
    health = Health()
    ops = OpsServer(health, {"worker"}, host=settings.http.ops_host, port=ops_port)
    ops.start()
    log.info("worker starts", epoch=epoch.number, partitions=epoch.partitions, ops_port=ops.port)
    _use_uvloop()
    try:
        return asyncio.run(_WorkerProcess(settings, epoch, health, prefix).run())
    finally:
        ops.stop()


def pause_s(flush_took_s: float, settings: WorkerSettings) -> float:
    """Return how long to wait for the next flush after one that took *flush_took_s*.

    A flush sends each touched cell once, however many events touched it: with ten times the cells, a flush every half
    second would make each event dearer.
    """
    return min(max(settings.flush_s, PAUSE_PER_FLUSH * flush_took_s), max(settings.flush_s, settings.flush_most_s))


def _use_uvloop() -> None:
    """Set uvloop's policy, which Faust's threads take their loops from too; set after Faust's import, it hangs."""
    with contextlib.suppress(ImportError):  # there is none for Windows
        import mode.loop

        mode.loop.use("uvloop")


class _WorkerProcess:
    """One run of the worker."""

    def __init__(self, settings: Settings, epoch: Epoch, health: Health, prefix: str) -> None:
        self._settings = settings
        self._epoch = epoch
        self._health = health
        self._prefix = prefix
        self._ending = asyncio.Event()
        self._failure: BaseException | None = None
        self._joined = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._topology: Topology | None = None

    async def run(self) -> int:
        """Start everything, flush until the end, leave in order; return the exit code."""
        from streams.topology import make_topology

        self._loop = loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        with self._deps() as deps:
            worker = MetricsWorker(self._epoch, timing_of(self._epoch), self._settings.worker, deps)
            self._topology = topology = make_topology(
                self._settings, worker.take, self._fail, epoch=self._epoch.number, prefix=self._prefix
            )
            self._follow_assignment(topology.app, worker)
            watchdog = self._watch(worker)
            await self._work(worker, topology.app)
            _leave_within(HANG_S, self._exit_code)
            worker.stop()
            await self._drain(worker, topology.app)
            await _within(LEAVE_S, topology.app.stop(), "Faust did not stop in time")
            await self._leave_group()
            watchdog.end()
        log.info("worker ends", code=self._exit_code())
        return self._exit_code()

    @contextlib.contextmanager
    def _deps(self) -> Iterator[WorkerDeps]:
        source_log = KafkaLog(self._settings.kafka, self._prefix + Topic.EVENTS)
        reader = ThreadPoolExecutor(1, thread_name_prefix="read-back")
        try:
            yield WorkerDeps(source_log, reader, self._send)
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            source_log.close()

    async def _send(self, message: "OutboxMessage") -> None:
        if self._topology is None:
            raise RuntimeError("rows before the topology was made")
        await self._topology.send(message)

    async def _work(self, worker: MetricsWorker, app: Any) -> None:
        """Start, then flush every interval, until TERM, INT or a failure; a start that hangs does not hold up TERM."""
        working = asyncio.create_task(self._start_and_flush(worker, app))
        await self._ending.wait()
        working.cancel()
        await asyncio.wait([working], timeout=DRAIN_S)

    async def _start_and_flush(self, worker: MetricsWorker, app: Any) -> None:
        try:
            await app.start()
            flush_took_s = 0.0
            while not (app.crashed or app.should_stop):
                await asyncio.sleep(pause_s(flush_took_s, self._settings.worker))
                began = time.monotonic()
                await worker.flush()
                flush_took_s = time.monotonic() - began
        except Exception as error:  # noqa: BLE001 - outermost; the process ends on it
            self._fail(error)
        else:
            self._fail(app.crash_reason or RuntimeError("Faust stopped by itself"))

    async def _drain(self, worker: MetricsWorker, app: Any) -> None:
        """Send and commit what was taken in; after a failure nothing is sent: the next start comes to the same rows."""
        if self._failure is not None:
            return

        async def flush_and_commit() -> None:
            await worker.flush()
            await app.consumer.commit()

        await _within(DRAIN_S, flush_and_commit(), "the last flush was not confirmed in time; it will be sent again")

    async def _leave_group(self) -> None:
        """Give up a fixed name in the group where nobody comes after us: elsewhere, a restart takes it up again."""
        name = self._settings.worker.instance_id
        if self._failure is not None or name is None or self._settings.profile != "embedded":
            return
        group = self._prefix + worker_group(self._epoch.number)
        leaving = asyncio.to_thread(leave_group, self._settings.kafka, group, name)
        await _within(LEAVE_S, leaving, "the worker stays a member of its group until its session is over")

    def _follow_assignment(self, app: Any, worker: MetricsWorker) -> None:
        async def on_assigned(_: Any, assigned: Any, **__: Any) -> None:
            worker.assigned(each.partition for each in assigned if each.topic == self._prefix + Topic.EVENTS)
            self._joined = True

        async def on_revoked(_: Any, revoked: Any, **__: Any) -> None:  # noqa: ARG001 - Faust's signature
            self._joined = False

        app.on_partitions_assigned.connect(on_assigned, weak=False)
        app.on_partitions_revoked.connect(on_revoked, weak=False)

    def _watch(self, worker: MetricsWorker) -> Watchdog:
        watched = WatchedWorker(worker.positions, lambda: worker.records_read, lambda: self._joined)
        consumed = ConsumedTopic(self._prefix + Topic.EVENTS, self._prefix + worker_group(self._epoch.number))
        watchdog = Watchdog(self._settings.kafka, consumed, self._epoch, watched, self._fail_from_thread)
        watchdog.begin(self._health, stuck_s=self._settings.worker.stuck_s)
        return watchdog

    def _fail(self, error: BaseException) -> None:
        """End the process because of *error*; the first one counts, and none once it is ending."""
        if self._ending.is_set():
            log.warning("error while ending", error=type(error).__name__, cause=str(error)[:500])
            return
        self._failure = error
        log.error("the worker must stop", error=type(error).__name__, cause=str(error)[:500])
        self._ending.set()

    def _fail_from_thread(self, error: BaseException) -> None:
        if self._loop is not None:
            _leave_within(HANG_S + DRAIN_S, lambda: 1)  # its loop may be what is stuck
            self._loop.call_soon_threadsafe(self._fail, error)

    def _exit_code(self) -> int:
        return 0 if self._failure is None else 1


async def _within(seconds: float, work: Any, complaint: str) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        log.warning(complaint)
    except Exception as error:  # noqa: BLE001 - the process is ending; whatever was not confirmed is not acknowledged
        log.warning(complaint, error=type(error).__name__, cause=str(error)[:500])


def _leave_within(seconds: float, code: Any) -> None:
    """End the process in *seconds* if it is still there then: a client's thread may hang with a dead broker."""
    timer = threading.Timer(seconds, lambda: os._exit(code()))
    timer.daemon = True
    timer.start()
