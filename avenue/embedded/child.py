"""Start a command so that it ends with its parent: `python child.py PARENT_PID COMMAND…`.

Linux: asks the kernel for SIGKILL at the parent's death, then becomes the command, which keeps the request.
The kernel watches the *thread* that forked: the parent must start children from a thread that lives as long as itself.
Elsewhere: stays in between, passes TERM and INT on, and kills the command when the parent is gone.
Standard library only, since it runs in an interpreter without site packages.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1
POLL_S = 0.25
NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Become *argv[2:]*, or run it; return its exit code only where it could not be become."""
    parent, command = int(argv[1]), argv[2:]
    if not sys.platform.startswith("linux"):
        return _watch(parent, command)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        return _watch(parent, command)
    # The parent may have died before the request was made; then nobody would ever be told.
    if os.getppid() != parent:
        return NOT_STARTED
    try:
        os.execvp(command[0], command)  # noqa: S606 - a command from our own wiring, no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return NOT_STARTED


def _watch(parent: int, command: list[str]) -> int:
    process = subprocess.Popen(command)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    while process.poll() is None:
        if os.getppid() != parent:
            process.kill()
        time.sleep(POLL_S)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv))
