"""By which software and which method figures were computed: a report names both, and whoever verifies it compares."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

PACKAGE = "pilot-avenue"
METHOD_CHARACTERS = 12
_REPORTS = Path(__file__).parents[1]


class MadeByJson(msgspec.Struct, frozen=True):
    """The software's version, and the method's: a digest of the sources of definitions and statistics."""

    software: str
    method: str


@cache
def made_by() -> MadeByJson:
    """Return what this installation is."""
    try:
        software = f"Avenue {version(PACKAGE)}"
    except PackageNotFoundError:
        # Run from its sources, without an installation that knows its number.
        software = "Avenue"
    return MadeByJson(software, method_version())


def method_version() -> str:
    """Return how the SHA-256 of `metrics.py`, `health_rules.py` and the modules of `stats` begins, by name.

    Whatever changes a definition or a statistic changes it, so two reports of one method are of the same code.
    """
    digest = hashlib.sha256()
    for path in (_REPORTS / "metrics.py", _REPORTS / "health_rules.py", *sorted((_REPORTS / "stats").glob("*.py"))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:METHOD_CHARACTERS]
