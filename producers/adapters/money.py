"""Money as the platforms spell it, as integer fen, exactly or not at all."""

import re
from decimal import Decimal
from typing import Any

_YUAN = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0*)?\Z")
_FEN = re.compile(r"[0-9]{1,15}\Z")
MAX_FEN = 10**15


def fen_from_yuan(value: Any) -> int | None:
    """Return yuan in decimals (`20.5`) as fen (2050).

    None where it is negative, in exponent form, no number, or not a whole number of fen: nothing is rounded.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, int) and not 0 <= value < MAX_FEN:
        return None
    match = _YUAN.match(str(value))
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else None


def fen(value: Any) -> int | None:
    """Return integer fen (1990, or its digits as text), or None where it is anything else."""
    if isinstance(value, str):
        return int(value) if _FEN.match(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < MAX_FEN else None
