"""The thread that settles, and takes the sums, while this sink is the one that does."""

import threading
import time
from collections.abc import Callable

from registry.directory import Directory
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.clock import Clock, ClockWatch
from runtime.errors import ConfigurationError, first_line
from runtime.logging import get_logger
from runtime.settings import Settings
from sinks.reconciliation.incremental import RunningSums
from sinks.reconciliation.reconcile import forget, measure
from sinks.retention.forget import ForgetJob
from sinks.retention.retire import RetentionJob
from sinks.settlement.corrected_rejects import CorrectedRejects
from sinks.settlement.recheck import wrongly_settled
from sinks.settlement.settle import Settler

log = get_logger(__name__)

STOP_S = 30.0
# Taking the sums may use this share of a core, and so may looking at what is settled.
SHARE = 0.02
# A sender that has corrected an event looks whether its reject is closed; the look itself has its share of a core.
CORRECTED_EVERY_S = 5.0
# Who asks to be forgotten is so within seconds; without anybody a look is one reading of a table that is empty.
FORGET_EVERY_S = 10.0
FORGET_AT_LEAST_EVERY_S = 45.0
# While rows that are retired are being destroyed, or more may be.
LOOK_AGAIN_S = 10.0


class SettlementThread:
    """Settles every few seconds while *leads* says so. Its failures are logged, and tried again at the next turn."""

    def __init__(
        self,
        settings: Settings,
        clickhouse: ClickHouse,
        clock: Clock,
        *,
        directory: Callable[[], Directory],
        leads: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._clock = clock
        self._directory = directory
        self._leads = leads
        self._trouble: str | None = None
        self._measure_at = 0.0
        self._recheck_at = 0.0
        self._retire_at = 0.0
        self._correct_at = 0.0
        self._forget_at = 0.0
        self._forget = ForgetJob(clickhouse, clock)
        self._corrected = CorrectedRejects(clickhouse, clock)
        self._retention = RetentionJob(settings, clickhouse, clock)
        self._clock_watch = ClockWatch(clock, steady_s=settings.sink.retire_every_s)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the run under way; a run cut short is done again."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def problem(self) -> str | None:
        """Return why the last turn failed, or None."""
        return self._trouble

    def _run(self) -> None:
        settler: Settler | None = None
        running: RunningSums | None = None
        led = False
        while not self._stopping.wait(self._settings.sink.settle_every_s):
            if not self._leads():
                # Another sink settles; what we knew would be old by the time we take over.
                if led:
                    forget()
                led, settler, running = False, None, None
                continue
            led = True
            settler = settler or Settler(self._settings, self._clickhouse, self._clock)
            running = running or RunningSums(settler.waiting)
            try:
                self._settle_and_check(settler, running)
                self._trouble = None
            except (ClickHouseError, ConfigurationError, OSError) as error:
                known = isinstance(error, ClickHouseError)
                self._note_trouble(
                    f"settlement waits: {self._clickhouse.explain(error) if known else first_line(error)}"
                )
                # A settlement may stand whose answer was lost: the sums must not go by what they knew before it.
                running = None
            except Exception as error:
                # Outermost loop of the thread: nothing is lost, as a block is settled when its row says so.
                log.exception("settlement failed and is tried again")
                self._note_trouble(f"settlement failed: {type(error).__name__}")
                settler = running = None

    def _settle_and_check(self, settler: Settler, running: RunningSums) -> None:
        waiting = True
        while waiting and not self._stopping.is_set():
            done = settler.settle(self._directory())
            running.note(done.blocks)
            waiting = bool(done.waiting)
        if time.monotonic() >= self._measure_at and not self._stopping.is_set():
            seconds = measure(self._clickhouse, running)
            self._measure_at = time.monotonic() + max(self._settings.sink.sums_every_s, seconds / SHARE)
        if time.monotonic() >= self._recheck_at and not self._stopping.is_set():
            self._recheck(settler)
        if time.monotonic() >= self._correct_at and not self._stopping.is_set():
            began = time.monotonic()
            self._corrected.close()
            self._correct_at = time.monotonic() + max(CORRECTED_EVERY_S, (time.monotonic() - began) / SHARE)
        if time.monotonic() >= self._forget_at and not self._stopping.is_set():
            began = time.monotonic()
            self._forget.run_once()
            pause_s = max(FORGET_EVERY_S, (time.monotonic() - began) / SHARE)
            self._forget_at = time.monotonic() + min(FORGET_AT_LEAST_EVERY_S, pause_s)
        if time.monotonic() >= self._retire_at and not self._stopping.is_set():
            self._retire(settler, running)

    def _retire(self, settler: Settler, running: RunningSums) -> None:
        """End what is past its retention; one trial at a turn, and the next soon after."""
        # A turn that fails is tried again no sooner than one that had something to do.
        self._retire_at = time.monotonic() + LOOK_AGAIN_S
        if not self._clock_watch.is_steady():
            # What goes by a clock that is wrong for a moment is gone for good.
            return
        done = self._retention.run_once(self._directory(), settler.waiting())
        if done.noted:
            running.forget()
        if not (done.noted or done.left):
            self._retire_at = time.monotonic() + self._settings.sink.retire_every_s

    def _recheck(self, settler: Settler) -> None:
        """Look whether settled cells still are what their events come to; those that are not are settled again."""
        began = time.monotonic()
        settler.settle_again(wrongly_settled(self._clickhouse))
        seconds = time.monotonic() - began
        self._recheck_at = time.monotonic() + max(self._settings.sink.sums_every_s, seconds / SHARE)

    def _note_trouble(self, trouble: str) -> None:
        if self._trouble != trouble:
            log.warning("settlement cannot go on for now", trouble=trouble)
        self._trouble = trouble
