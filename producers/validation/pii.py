"""Personal data that must not be at rest: mainland mobile and identity numbers, e-mail addresses, bank cards.

A run counts only when bounded by non-alphanumerics. Sources: GB 11643-1999 (identity number: region, birth date,
ISO 7064 MOD 11-2 check), ISO/IEC 7812 (issuers' prefixes with the lengths of their numbers, Luhn), the ranges of
mainland mobile numbers (1 and 3-9). Ids of orders look like cards now and then: what is declared to be an id is not
asked whether it is one, but whether it is anything else.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

_RUN = re.compile(r"(?<![A-Za-z0-9])[0-9]{11,19}[Xx]?(?![A-Za-z0-9])")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
# The country code written out belongs to the number.
_PREFIXED_MOBILE = re.compile(r"(?<![A-Za-z0-9])(?:0086|\+86)1[3-9][0-9]{9}(?![A-Za-z0-9])")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
# An issuer's prefix at a length that this issuer has: UnionPay and JCB, Visa, American Express, Mastercard.
_CARD = re.compile(
    r"(?:62|35)[0-9]{14,17}|4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|3[47][0-9]{13}"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
)
# A province (GB/T 2260), and the place of the check character.
_IDENTITY = re.compile(r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])[0-9]{15}[0-9X]")
# A number of more digits than any of them has.
_TOO_LONG = 10**40
IsId = Callable[[str], bool]
"""Whether the attribute of this name holds an id."""
# What any of them needs: eleven digits in a row or an '@'. Most texts have neither, and are done here.
_HINT = re.compile(r"[0-9]{11}|@")


# The same for an event's raw JSON: an escape, a character beyond ASCII or a number like 1.38e10 may spell more than
# the bytes show, so those are looked at closely too.
_RAW_HINT = re.compile(rb"[0-9]{11}|[@\\\x80-\xff]|:\s*-?[0-9.]+[eE]")


def may_hold_pii(raw: bytes | memoryview) -> bool:
    """Tell whether an event's *raw* JSON could hold personal data at all: False for most, at a tenth of the cost."""
    return _RAW_HINT.search(raw) is not None


_HINT_PART = re.compile(r"[0-9@]")
_ASCII = bytes(range(128))
_DIGITS_AS_ZERO = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_ELEVEN_DIGITS = b"0" * 11


def attributes_may_hold_pii(encoded: bytes) -> bool:
    """Tell whether attributes, *encoded* by msgspec (those of many events in one text), could hold personal data.

    The encoder writes characters as they are and numbers in full below 10^16, so that only NFKC is left to apply. It
    takes nothing away and composes no digit or '@', so it matters only where a character beyond ASCII becomes one.
    A hundredth of the cost of `find_pii_attribute` on each; where this says no, that finds nothing.
    """
    beyond = encoded.translate(None, _ASCII)
    if beyond and _HINT_PART.search(unicodedata.normalize("NFKC", beyond.decode())):
        encoded = unicodedata.normalize("NFKC", encoded.decode()).encode()
    return b"@" in encoded or _ELEVEN_DIGITS in encoded.translate(_DIGITS_AS_ZERO)


def ids_may_be_pii(event_ids: Iterable[str]) -> bool:
    """Tell whether one of *event_ids* begins with eleven digits: where none does, `find_pii_in_id` names none."""
    return b" " + _ELEVEN_DIGITS in f" {' '.join(event_ids)}".encode().translate(_DIGITS_AS_ZERO)


def find_pii(text: str, *, cards: bool = True) -> str | None:
    """Return which type of personal data *text* holds (`mobile`, `identity`, `email`, `card`), or None.

    Without *cards* no number is taken for a card's: *text* is an id.
    """
    if not text.isascii():
        # Full-width digits are digits to whoever reads them.
        text = unicodedata.normalize("NFKC", text)
    if _HINT.search(text) is None:
        return None
    if _EMAIL.search(text):
        return "email"
    if _PREFIXED_MOBILE.search(text):
        return "mobile"
    for run in _RUN.finditer(text):
        if (kind := _type_of_run(run.group())) is not None and (cards or kind != "card"):
            return kind
    return None


def find_pii_in_id(event_id: str) -> str | None:
    """Return the type of personal number that *event_id* as a whole is, or None."""
    if len(event_id) < 11 or not event_id[:11].isdigit():
        return None
    if _PREFIXED_MOBILE.fullmatch(event_id):
        return "mobile"
    return _type_of_run(event_id) if _RUN.fullmatch(event_id) else None


def no_ids(_name: str) -> bool:
    """Tell of no attribute that it is an id."""
    return False


def names_an_id(name: str) -> bool:
    """Tell whether a platform's field of this *name* holds an id of its own: `order_id`, `seq`, whatever ends so."""
    return name.endswith("_id") or name in {"id", "seq"}


def find_pii_attribute(attributes: Mapping[str, object], is_id: IsId = no_ids) -> str | None:
    """Return the name of the first attribute whose key or value holds personal data, or None.

    A key that is itself personal is named by its place, since it must not be repeated. What *is_id* names may look
    like a card number.
    """
    for index, (key, value) in enumerate(attributes.items()):
        if find_pii(key) is not None:
            return f"attributes[{index}]"
        if find_pii_value(value, cards=not is_id(key)) is not None:
            return f"attributes.{key}"
    return None


def find_pii_value(value: object, *, cards: bool = True) -> str | None:
    """Return which type of personal data *value*, a text, number, boolean or nothing, holds, or None."""
    if isinstance(value, str):
        return find_pii(value, cards=cards)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return find_pii(_spelt(value), cards=cards)


def _spelt(number: float | Decimal) -> str:
    """Return *number* as a reader would see it: a whole one without a fraction, none with an exponent."""
    if isinstance(number, int):
        return str(abs(number)) if abs(number) < _TOO_LONG else ""
    if not -_TOO_LONG < number < _TOO_LONG:
        return ""
    return str(abs(int(number))) if number == int(number) else str(abs(number))


def _type_of_run(run: str) -> str | None:
    if len(run) == 11 and _MOBILE.fullmatch(run):
        return "mobile"
    if len(run) == 18 and _is_identity(run.upper()):
        return "identity"
    if _CARD.fullmatch(run) and luhn.is_valid(run):
        return "card"
    return None


def _is_identity(number: str) -> bool:
    """Tell whether *number*, 18 characters, is an identity number: by region, birth date and check character.

    `stdnum.cn.ric` as a whole would let numbers pass: it refuses those of residence permits (81 to 83), raises
    `KeyError` on a district that it does not list, holds the district against the date of birth though it is the one
    that issued the number, and so refuses 14,186 of 25,000 of districts that exist or did. It costs 28 µs, this 3 µs.
    """
    if _IDENTITY.fullmatch(number) is None:
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return born.year >= 1880 and mod_11_2.is_valid(number)
