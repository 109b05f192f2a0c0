"""Which functions of the project a run enters, in the order of their first entry."""

import ast
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.support.paths import ROOT

HELD = " held"
CONSTRUCTION = {"__init__", "__post_init__", "__new__", "<lambda>"}
"""What does not count as use of a class: parts are made before the first event comes."""


class Entered:
    """Functions by file and qualified name, classes by who held one of them; each with its place in the order."""

    def __init__(self) -> None:
        self.order: dict[tuple[str, str], int] = {}
        """By path from the root and qualified name."""

    def note(self, frame: FrameType, event: str, value: Any) -> None:
        """Take an event of the profiler."""
        if event == "call":
            code = frame.f_code
            if code.co_filename.startswith(_PREFIX):
                self._first(code.co_filename.removeprefix(_PREFIX), code.co_qualname)
        elif event == "return" and frame.f_code.co_filename.startswith(_PREFIX):
            for made in map(type, (value, *frame.f_locals.values())):
                if made.__module__.partition(".")[0] in _OURS:
                    self._first(made.__module__.replace(".", "/") + ".py", f"{made.__qualname__}{HELD}")

    def _first(self, path: str, name: str) -> None:
        self.order.setdefault((path, name), len(self.order))

    def first(self, path: str, name: str) -> int | None:
        """Return when *name* of *path* was entered first: a function, or any method of a class that does something.

        Of a class without methods it is when a function held one.
        """
        whole = self.order.get((path, name))
        if whole is not None and name not in _classes(path):
            return whole
        found = [
            at
            for (where, entered), at in self.order.items()
            if where == path and entered.startswith(f"{name}.") and entered.rpartition(".")[2] not in CONSTRUCTION
        ]
        return min(found, default=self.order.get((path, f"{name}{HELD}")))


@contextmanager
def entered_functions() -> Iterator[Entered]:
    """Note what this thread and those that begin meanwhile enter."""
    entered, before = Entered(), sys.getprofile()
    threading.setprofile(entered.note)
    sys.setprofile(entered.note)
    try:
        yield entered
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def _classes(path: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.ClassDef)}


_PREFIX = f"{ROOT}/"
_OURS = {"schemas", "runtime", "registry", "producers", "streams", "sinks", "reports", "avenue"}
