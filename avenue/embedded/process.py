"""One child process: started so that it dies with us, its output in a file, stopped gently and then not."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.retries import poll_until

_SHIM = Path(__file__).with_name("child.py")
_TAIL_BYTES = 65_536
GONE_POLL_S = 0.05


class ChildProcess:
    """A command in a session of its own (a terminal's Ctrl-C reaches only the parent), output appended to *log*."""

    def __init__(self, name: str, command: Sequence[str | Path], *, log: Path) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environ: Mapping[str, str] | None = None) -> None:
        """Start it; call from a thread that lives as long as this process (`child.py` says why)."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shim = [sys.executable, "-I", "-S", str(_SHIM), str(os.getpid())]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*shim, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ) if environ is not None else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended: negative for a signal; None while it lives or before the first start."""
        return self._process.poll() if self._process else None

    def signal(self, number: signal.Signals) -> None:
        """Send *number* if it lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended within *timeout_s*."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *, grace_s: float) -> bool:
        """Ask it to end; kill it after *grace_s*. Return whether it ended by itself."""
        self.signal(signal.SIGTERM)
        if self.wait(grace_s):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End it now, with whatever it started."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()
        self._process.wait()

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last lines of its log."""
        return tail(self.log, count)


def tail(path: Path, count: int) -> list[str]:
    """Return the last *count* lines of *path*, none where there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]


def wait_until_gone(pid: int, *, timeout_s: float) -> bool:
    """Return whether *pid* is gone (or a zombie) within *timeout_s*; for processes that are not our children."""
    return poll_until(lambda: not alive(pid), timeout_s=timeout_s, every_s=GONE_POLL_S)


def alive(pid: int) -> bool:
    """Return whether *pid* is a process that still runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()
