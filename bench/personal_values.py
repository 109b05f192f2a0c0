"""What names a person, made up by the number: each value stands once in a run, and is known again wherever it stands.

No value is anybody's: numbers are drawn from a running number, a domain is `example.com`, addresses do not exist.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

# Characters of given names and roads: three of them spell a number, and together stand nowhere else.
_CHARACTERS = "睿涵梓萱沐宸芮琪楠骏晗玥璇珂昕妍烨祺翊霖婧颖槿岚澜淇钰霏瑾蕙彦嫣"
_SURNAMES = ("张", "王", "李", "赵", "陈", "欧阳", "司徒", "刘")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
MARK = "zqx"
"""Begins what is made of letters and digits; no word has it."""
_CORE_CHARS = 6
_REGIONS = ("110105", "310101", "330106", "440305", "510107", "320102", "420106", "610113")
_FIRST_DAY = date(1950, 1, 1)
_DAYS = 20_000
_MOST = len(_CHARACTERS) ** 3 * len(_SURNAMES)
"""Of one sort: so many names are there."""

RECOGNISED = ("mobile", "identity", "card", "email")
"""What the gateway looks for by its form, wherever free text may stand."""
TEXTS = ("name", "landline", "address", "password", "plate", "wechat")
"""What has no form of its own: another name or word could be anything."""
SORTS = (*RECOGNISED, *TEXTS)

_FOUND = {
    "core": re.compile(rf"{MARK}[{_ALPHABET}]{{{_CORE_CHARS}}}", re.IGNORECASE),
    "characters": re.compile(rf"(?:{'|'.join(_SURNAMES)}|区)[{_CHARACTERS}]{{3,4}}"),
    "digits": re.compile(r"[0-9][0-9-]{9,}[Xx]?"),
    "plate": re.compile(r"浙A·?[0-9A-Z]{5}"),
}
_NUMBER_LENGTHS = (11, 12, 16, 18)


def _in_base(number: int, digits: str, length: int) -> str:
    found = ""
    for _ in range(length):
        number, place = divmod(number, len(digits))
        found = digits[place] + found
    return found


def _core(number: int) -> str:
    # Far apart: two that differ in one letter would be taken for each other where a file is packed.
    return MARK + _in_base(number * 612_345_671 % len(_ALPHABET) ** _CORE_CHARS, _ALPHABET, _CORE_CHARS)


def _mobile(number: int) -> str:
    # None begins as a present time in milliseconds does.
    return f"{('13', '15', '18')[number % 3]}{(number * 7_919 + 104_729) % 10**9:09d}"


def _identity(number: int) -> str:
    born = _FIRST_DAY + timedelta(days=number % _DAYS)
    rest = number // _DAYS
    digits = f"{_REGIONS[rest % len(_REGIONS)]}{born:%Y%m%d}{rest // len(_REGIONS) % 1000:03d}"
    return digits + mod_11_2.calc_check_digit(digits)


def _card(number: int) -> str:
    digits = f"622202{(number * 611_953 + 15_485_863) % 10**9:09d}"
    return digits + luhn.calc_check_digit(digits)


def _name(number: int) -> str:
    return _SURNAMES[number // len(_CHARACTERS) ** 3] + _in_base(number, _CHARACTERS, 3)


def _plate(number: int) -> str:
    return f"浙A·{_in_base(number, '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ', 5)}"


_MAKE: Mapping[str, Callable[[int], str]] = {
    "mobile": _mobile,
    "identity": _identity,
    "card": _card,
    "email": lambda number: f"{_core(number)}@example.com",
    "name": lambda number: _name(number // len(SORTS)),
    "landline": lambda number: f"0571-8{(number * 7_919 + 611_953) % 10**7:07d}",
    "address": lambda number: (
        f"杭州市西湖区{_in_base(number, _CHARACTERS, 4)}路{number % 900 + 1}号{number // 900 + 1}室"
    ),
    "password": lambda number: f"Pw-{_core(number)}!",
    "plate": _plate,
    "wechat": lambda number: f"wx_{_core(number)}",
}


@dataclass(frozen=True, slots=True)
class PersonalValue:
    """One value: what sort it is, and where it was put."""

    text: str
    sort: str
    where: str
    """What it was sent in: `batch attribute`, `header`, …"""
    field: str


@dataclass
class PersonalValues:
    """Hands out values, each once, and knows them again."""

    _made: dict[str, PersonalValue] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)

    def new(self, sort: str, where: str, name: str) -> str:
        """Return a new value of *sort*, to be put into field *name* of *where*. Raises `ValueError` with none left."""
        number = self._numbers[sort] * len(SORTS) + SORTS.index(sort)
        if self._numbers[sort] >= _MOST:
            raise ValueError(f"there are only {_MOST} values of a sort")
        self._numbers[sort] += 1
        text = _MAKE[sort](number)
        self._made[_key_of(text, sort)] = PersonalValue(text, sort, where, name)
        return text

    def __len__(self) -> int:
        """Return how many were handed out."""
        return len(self._made)

    def found_in(self, text: str) -> Iterator[PersonalValue]:
        """Yield what of them stands in *text*, once each."""
        for key in set(_keys_in(text)):
            if key in self._made:
                yield self._made[key]


def _key_of(text: str, sort: str) -> str:
    """Return the whole of a value, or the part that is its own."""
    if sort in {"mobile", "identity", "card", "landline"}:
        return text.replace("-", "")
    return next(iter(_keys_in(text)))


def _keys_in(text: str) -> Iterator[str]:
    """Yield what of *text* could be the part of a value that no other has."""
    yield from (found.lower() for found in _FOUND["core"].findall(text))
    yield from _FOUND["characters"].findall(text)
    yield from (found.replace("·", "") for found in _FOUND["plate"].findall(text))
    for run in _FOUND["digits"].findall(text):
        digits = run.replace("-", "").upper()
        for length in _NUMBER_LENGTHS:
            yield from (digits[at : at + length] for at in range(len(digits) - length + 1))
