"""The home folder of an embedded stack: one owner at a time, its folders, its children on record."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from avenue.embedded.process import alive, wait_until_gone
from runtime.errors import ConfigurationError
from runtime.files import explain, write_private
from runtime.retries import poll_until

LOCK = "up.lock"
LOOK_S = 0.2
FOLDERS = ("clickhouse", "kafka", "logs", "reports")
PRIVATE = 0o700
"""Of a home folder that we make, and of the folders in it whoever made them: they hold pseudonyms and wrapped keys."""
# The kernel ends orphans at once; a large process needs a moment to give its memory back.
ORPHAN_WAIT_S = 10.0


class HomeFolder:
    """The folder *path*, owned from `open` to `close` (or the end of the process, however it comes)."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: TextIO | None = None

    def open(self) -> None:
        """Make the folder and own it. Raises `ConfigurationError` naming the process that owns it already."""
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True, exist_ok=True)
                self.path.chmod(PRIVATE)
            file = (self.path / LOCK).open("a+")
        except OSError as error:
            raise ConfigurationError(f"the home folder {self.path} cannot be used: {error.strerror}") from error
        if not _owned(file):
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise ConfigurationError(
                f"another `avenue up` (pid {owner}) runs on {self.path}; "
                "stop it first, or name another folder with --home or AVENUE_HOME"
            )
        self._lock = file
        try:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            for name in FOLDERS:
                folder = self.path / name
                folder.mkdir(exist_ok=True)
                # Not by mkdir's mode, which the umask narrows, and earlier versions left them open.
                folder.chmod(PRIVATE)
        except OSError as error:
            raise ConfigurationError(f"the home folder {self.path} takes nothing: {explain(error)}") from error

    def close(self) -> None:
        """Give the folder up."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def log(self, name: str) -> Path:
        """Return the log file of child *name*."""
        return self.path / "logs" / f"{name}.log"

    def disks(self) -> tuple[Path, ...]:
        """Return the folders that may lie on disks of their own."""
        return (self.path, *(self.path / name for name in ("kafka", "kafka/data", "clickhouse", "logs")))

    def note_children(self, pids: Mapping[str, int]) -> None:
        """Write down the children, for `end_orphans` of the next start."""
        noted = [{"name": name, "pid": pid, "started": started(pid)} for name, pid in pids.items()]
        write_private(self.path / "children.json", json.dumps(noted).encode())

    def end_orphans(self) -> list[str]:
        """Wait until the children of a killed predecessor are gone, and end those that stay; return their names.

        They would hold the folders of the broker and of ClickHouse.
        """
        try:
            noted = json.loads((self.path / "children.json").read_text())
        except (FileNotFoundError, ValueError):
            return []
        ended = []
        deadline = time.monotonic() + ORPHAN_WAIT_S
        for child in noted:
            pid = int(child["pid"])
            # The number may have gone to a stranger since.
            if child["started"] is None or started(pid) != child["started"] or not alive(pid):
                continue
            if wait_until_gone(pid, timeout_s=max(0.0, deadline - time.monotonic())):
                continue
            os.kill(pid, signal.SIGKILL)
            wait_until_gone(pid, timeout_s=ORPHAN_WAIT_S)
            ended.append(str(child["name"]))
        return ended


def _owned(file: TextIO) -> bool:
    """Take the lock; try again for a moment, since `owner_of` in another process holds it just to look."""
    return poll_until(lambda: _locked(file), timeout_s=LOOK_S, every_s=LOOK_S / 10)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def owner_of(path: Path) -> str | None:
    """Return the process id of the `avenue up` that owns the folder *path*, ready or not; None where nobody does."""
    try:
        file = (path / LOCK).open()
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "unknown"
    return None


def started(pid: int) -> int | None:
    """Return when *pid* started, in the kernel's ticks, None where that cannot be known."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError):
        return None
