"""The children of `avenue up` as the supervisor sees them: the broker, and the roles with their ops ports."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from avenue.embedded.broker import Broker, BrokerProbe
from avenue.embedded.process import ChildProcess, tail
from avenue.embedded.supervisor import ChildCondition, ChildReport

PROBE_TIMEOUT_S = 2.0
PROBE_FAST_S = 0.2
ROLE_PROBE_S = 2.0
BROKER_PROBE_S = 5.0
LOG_LINES = 15
STUCK = "stuck"


class HealthProber:
    """Asks a child how it is, in a thread, so that the supervisor never waits for an answer."""

    def __init__(self, name: str, probe: Callable[[], ChildReport], *, every_s: float) -> None:
        self._probe = probe
        self._every_s = every_s
        self._generation = 0
        self._latest = ChildReport(ChildCondition.SILENT, "starting")
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"probe-{name}", daemon=True)

    def begin_anew(self) -> None:
        """Forget what was heard, since the child has been started again."""
        with self._lock:
            self._generation += 1
            self._latest = ChildReport(ChildCondition.SILENT, "starting")
        if not self._thread.is_alive() and not self._closed.is_set():
            self._thread.start()

    @property
    def latest(self) -> ChildReport:
        """What was heard last since `begin_anew`."""
        with self._lock:
            return self._latest

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * PROBE_TIMEOUT_S)

    def _run(self) -> None:
        pause = PROBE_FAST_S
        while not self._closed.wait(pause):
            generation = self._generation
            report = self._probe()
            with self._lock:
                if generation == self._generation:
                    self._latest = report
                pause = self._every_s if self._latest.condition is ChildCondition.READY else PROBE_FAST_S


class BrokerChild:
    """The broker."""

    name = "kafka"

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._probe = BrokerProbe(broker.settings())
        self._prober = HealthProber(self.name, self._ask, every_s=BROKER_PROBE_S)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.broker.running

    @property
    def exit_code(self) -> int | None:
        """How the process ended."""
        return self.broker.process.exit_code

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self.broker.pid

    def start(self) -> None:
        """Start it on the port it had."""
        self.broker.start()
        self._prober.begin_anew()

    def report(self) -> ChildReport:
        """Return what was heard last."""
        return self._prober.latest

    def ask_to_end(self) -> None:
        """Let it close its files."""
        self.broker.process.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self.broker.kill()

    def close(self) -> None:
        """Stop asking."""
        self._prober.close()
        self._probe.close()

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        return tail(self.broker.log, LOG_LINES) or self.broker.process.last_lines(LOG_LINES)

    def _ask(self) -> ChildReport:
        if self._probe.ready():
            return ChildReport(ChildCondition.READY)
        return ChildReport(ChildCondition.SILENT, f"no answer at {self.broker.bootstrap}; log {self.broker.log}")


class RoleChild:
    """One role of ours, asked by its ops port; its output goes to *log*, bounded by *log_mb*."""

    def __init__(self, process: ChildProcess, *, environ: Mapping[str, str], ops_url: str, log_mb: int) -> None:
        self.process = process
        self.name = process.name
        self._environ = environ
        self._ops_url = ops_url
        self._log_bytes = log_mb * 1_048_576
        self._prober = HealthProber(process.name, self.probe, every_s=ROLE_PROBE_S)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process.running

    @property
    def exit_code(self) -> int | None:
        """How the process ended."""
        return self.process.exit_code

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self.process.pid

    def start(self) -> None:
        """Start it."""
        self.process.start(self._environ)
        self._prober.begin_anew()

    def report(self) -> ChildReport:
        """Return what was heard last."""
        return self._prober.latest

    def ask_to_end(self) -> None:
        """Let it drain."""
        self.process.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self.process.kill()

    def close(self) -> None:
        """Stop asking."""
        self._prober.close()

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        return self.process.last_lines(LOG_LINES)

    def probe(self) -> ChildReport:
        """Ask it now."""
        bound_log(self.process.log, self._log_bytes)
        try:
            answer = httpx.get(f"{self._ops_url}/health/ready", timeout=PROBE_TIMEOUT_S, trust_env=False)
            return self._own(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            return ChildReport(
                ChildCondition.SILENT, f"{self._ops_url}: {type(error).__name__}; log {self.process.log}"
            )

    def _own(self, state: Mapping[str, Any]) -> ChildReport:
        answered = state.get("pid")
        # Elsewhere than on Linux the child stands behind a process in between (`child.py`).
        if answered not in {None, self.process.pid} and sys.platform.startswith("linux"):
            return ChildReport(
                ChildCondition.SILENT, f"{self._ops_url} is answered by another process (pid {answered})"
            )
        return report_of(state)


def report_of(state: Mapping[str, Any]) -> ChildReport:
    """Return the report in *state*, as `/health/ready` gives it; a detail that begins with "stuck" means just that."""
    if state.get("ready"):
        return ChildReport(ChildCondition.READY)
    bad = {name: str(part.get("detail", "")) for name, part in state.get("dependencies", {}).items() if not part["ok"]}
    detail = "; ".join(f"{name}: {text}" for name, text in bad.items()) or "not ready"
    stuck = any(text.startswith(STUCK) for text in bad.values())
    return ChildReport(ChildCondition.STUCK if stuck else ChildCondition.UNREADY, detail)


def bound_log(path: Path, max_bytes: int) -> None:
    """Keep *path* below *max_bytes*: what is older is kept once, as `<name>.1`.

    The writer holds the file open for appending, so it is copied and emptied, not renamed. A disk without room for the
    copy costs what is older, and gets the room.
    """
    try:
        if path.stat().st_size < max_bytes:
            return
    except FileNotFoundError:
        return
    older = path.with_name(path.name + ".1")
    try:
        shutil.copyfile(path, older)
    except OSError:
        older.unlink(missing_ok=True)
    os.truncate(path, 0)
