"""Code that nothing calls: `python -m tests.support.dead_code`, as `make check` does. Tests are no callers.

vulture reads names alone. A field of a class that is written out or read by a template is no name anywhere else, so
fields are left out; what a library calls by its name is listed here with who does.
"""

import ast
import sys
from functools import cache
from pathlib import Path

import vulture

from tests.support.paths import ROOT

SOURCES = ("schemas", "runtime", "registry", "producers", "streams", "sinks", "reports", "avenue", "bench")
CALLED_BY_OTHERS = {
    "make_flow": "Bytewax, by the name on its command line",
    "connection_made": "asyncio.Protocol",
    "data_received": "asyncio.Protocol",
    "connection_lost": "asyncio.Protocol",
    "log_message": "http.server",
    "daemon_threads": "socketserver",
    "allow_reuse_port": "socketserver",
    "on_send_error": "Faust's application",
    "on_first_start": "Faust's application",
    "scopes": "Litestar's middleware",
    "capture_signals": "uvicorn's server",
    "should_exit": "uvicorn's server",
    "handle": "Litestar's middleware",
    "background": "Litestar's response",
    "request_body": "Litestar's document",
    "header_comment": "Babel's catalogue",
    "model_config": "pydantic",
    "context_class": "Click's command",
    "trace": "the context manager protocol",
    "fuzzy": "Babel's catalogue",
    "revoked": "Faust's signal, by the name of its parameter",
    "Axes": "an annotation in quotes",
    "ReadFigures": "an annotation in quotes",
}
FOR_TESTS = {
    "MemoryRowWriter": "the store's twin, held to the store by tests/contract/test_row_writers.py",
    "decode_cell": "the other half of what the worker writes; readers use SQL",
    "decode_progress": "the other half of what the worker writes; readers use SQL",
    "is_late": "the rule that steps and SQL solve for other unknowns; tests hold them to it",
    "is_closed": "the rule that steps and SQL solve for other unknowns; tests hold them to it",
    "begin_next_epoch": "no command begins an epoch on a topic that stays; tests of what others refuse then do",
    "destroy_hash_keys": "key retention destroys by itself; tests do it at once",
    "is_well_formed": "a key's checksum is for scanners of other people's code; tests check that it is right",
}
REGISTERING = ("command", "callback", "get", "post", "delete", "agent", "task", "timer", "field_validator",
               "model_validator", "field_serializer", "model_serializer", "fixture")  # fmt: skip


def dead_code(paths: list[Path]) -> list[str]:
    """Return file, line and name of each function, class, import and variable of *paths* that nothing names."""
    finder = vulture.Vulture(
        ignore_names=[*CALLED_BY_OTHERS, *FOR_TESTS], ignore_decorators=[f"@*.{name}*" for name in REGISTERING]
        + [f"@{name}*" for name in REGISTERING]
    )  # fmt: skip
    finder.scavenge([str(path) for path in paths])
    return [
        f"{item.filename}:{item.first_lineno}: nothing uses {item.typ} `{item.name}`"
        for item in finder.get_unused_code(min_confidence=60)
        if item.first_lineno not in _fields(Path(item.filename))
    ]


@cache
def _fields(path: Path) -> frozenset[int]:
    """Return the lines of *path* on which a class names a field."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    return frozenset(item.lineno for node in classes for item in node.body if isinstance(item, ast.AnnAssign))


def main() -> int:
    """Print what is dead; return 1 where something is."""
    found = dead_code([ROOT / name for name in SOURCES])
    for line in found:
        sys.stdout.write(f"{line}\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
