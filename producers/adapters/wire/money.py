"""Money as the platforms spell it, as integer fen, exactly or not at all."""

import re
from decimal import Decimal

_YUAN = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0*)?\Z")
_PRINTED = re.compile(r"(-?)(?:[￥¥] ?)?(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,13})(?:\.([0-9]{1,2})0*)?(?: ?元)?\Z")
_FEN = re.compile(r"[0-9]{1,15}\Z")
MAX_FEN = 10**15


def fen_from_yuan(value: object) -> int | None:
    """Return yuan in decimals (`20.5`) as fen (2050).

    None where it is negative, in exponent form, no number, or not a whole number of fen: nothing is rounded.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, int) and not 0 <= value < MAX_FEN:
        return None
    match = _YUAN.match(str(value))
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else None


def fen_from_print(value: object) -> int | None:
    """Return yuan as paper shows them (`￥1,234.50`, `-20`, `20 元`) as fen with their sign, or None.

    Thousands are only read where every group has three digits: `1,5` is no amount. Nothing is rounded.
    """
    match = _PRINTED.match(value) if isinstance(value, str) else None
    if match is None:
        exact = fen_from_yuan(abs(value)) if isinstance(value, int | float | Decimal) and value < 0 else None
        return -exact if exact is not None else fen_from_yuan(value)
    before, after, yuan, decimals = match.groups()
    if before and after:
        return None
    amount = int(yuan.replace(",", "")) * 100 + int((decimals or "0").ljust(2, "0"))
    return -amount if before or after else amount


def fen(value: object) -> int | None:
    """Return integer fen (1990, or its digits as text), or None where it is anything else."""
    if isinstance(value, str):
        return int(value) if _FEN.match(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < MAX_FEN else None
