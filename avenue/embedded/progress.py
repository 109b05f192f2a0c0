"""Progress for people, on standard error: a line per step, with the time it took on a terminal."""

import contextlib
import time

from rich.console import Console


class ProgressPrinter:
    """Says what goes on; standard output stays free for what programs read."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """Tell one step."""
        elapsed = time.monotonic() - self._began
        # It may go into a file on a disk that is full, of which this line tells.
        with contextlib.suppress(OSError):
            if self._console.is_terminal:
                self._console.print(f"[dim]{elapsed:6.1f} s[/dim]  ", end="")
            self._console.print(line, markup=False)

    def fail(self, problem: str) -> None:
        """Tell what ended it, and what to do."""
        if self._console.is_terminal:
            self._console.print("[bold red]error[/bold red] ", end="")
        self._console.print(problem, markup=False)
