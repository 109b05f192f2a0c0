"""Ports of the embedded stack: a free one where nobody asked for another, else a clear refusal."""

import contextlib
import fcntl
import socket
from pathlib import Path
from typing import TextIO

from runtime.errors import ConfigurationError

_LISTEN = "0A"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether *port* can be listened on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do; without it a port in TIME_WAIT would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class PortClaims:
    """Ports that a stack has chosen and its children have yet to open, told to other stacks of this user by file locks.

    Between choice and opening lie seconds in which the port still looks free to everybody.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[TextIO] = []

    def claim(self, port: int) -> bool:
        """Return whether *port* is ours now, until `release` or the end of this process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / str(port)).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held.append(file)
        return True

    def release(self) -> None:
        """Give all of them up."""
        for file in self._held:
            file.close()
        self._held.clear()


def choose_port(
    wanted: int, *, claims: PortClaims | None = None, host: str = "127.0.0.1", asked_by: str | None = None
) -> int:
    """Return *wanted* if it is free, else a free one; 0 means any. With *claims*, no other stack takes it from now on.

    *asked_by* names the flag or setting by which a person asked for this very port: a taken one is then a
    `ConfigurationError` that says so, and who has it where that can be found out.
    """
    if wanted and is_free(wanted, host) and (claims is None or claims.claim(wanted)):
        return wanted
    if wanted == 0 or asked_by is None:
        return free_port(host)
    raise ConfigurationError(
        f"port {wanted}, asked for by {asked_by}, is taken{holder_text(wanted)}; stop it or choose another port"
    )


def holder_text(port: int) -> str:
    """Return " by <command> (pid N)" for the process that listens on *port*, or nothing where it cannot be seen."""
    pid = _holder(port)
    if pid is None:
        return ""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
    return f" by {name} (pid {pid})"


def _holder(port: int) -> int | None:
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        if inodes & _open_files(folder / "fd"):
            return int(folder.name)
    return None


def _open_files(folder: Path) -> set[str]:
    found = set()
    # Another user's process, one that just ended, a file just closed: not seen.
    with contextlib.suppress(OSError):
        for link in folder.iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
