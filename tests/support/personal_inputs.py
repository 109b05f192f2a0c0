"""Persons' numbers in every field of a batch's events, as text, as number and as a name.

All numbers are made up: a date of 1949 with a right check digit, test numbers of the card brands.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from schemas.event import PilotEvent

MOBILE, IDENTITY, EMAIL = "13800138000", "11010519491231002X", "someone@example.com"
CARDS = (
    "4222222222222", "4111111111111111", "4000000000000000006", "5555555555554444", "2223003122003222",
    "378282246310005", "341111111111111", "6212345678901232", "6212345678901234569", "3530111333300000",
)  # fmt: skip
IDENTITY_OF_DIGITS = "110105194912310011"
# What each may be written as, and what must not be found: a platform's id may look like a card number.
TEXTS = (MOBILE, f"+86{MOBILE}", f"0086{MOBILE}", f"call {MOBILE} now", f"{MOBILE} ", "１３８００１３８０００", IDENTITY,
         IDENTITY.lower(), IDENTITY_OF_DIGITS, EMAIL, f"write to {EMAIL}", *CARDS)  # fmt: skip
NUMBERS = (MOBILE, f"-{MOBILE}", f"{MOBILE}.0", f"{MOBILE}.5", "1.3800138e10", "13800138E+3", IDENTITY_OF_DIGITS,
           f"{IDENTITY_OF_DIGITS}.0", "1.10105194912310011e17", *CARDS, *(f"{card}.0" for card in CARDS),
           *(f"{card[0]}.{card[1:]}e{len(card) - 1}" for card in CARDS))  # fmt: skip
SPELT = (*(json.dumps(text).encode() for text in TEXTS), *(number.encode() for number in NUMBERS))
NAMES = (MOBILE, IDENTITY, EMAIL, f"phone {MOBILE}", CARDS[1], CARDS[7])
PERSONS = (MOBILE, IDENTITY, IDENTITY.lower(), IDENTITY_OF_DIGITS, EMAIL, "１３８００１３８０００")


def events(now: datetime, run: str) -> list[tuple[str, bytes]]:
    """Return events a minute before *now*, each with the field that a person's number stands in."""
    found: list[tuple[str, bytes]] = []

    def add(name: str, **change: Any) -> None:
        sound = {
            "event_id": f"{run}-{len(found)}", "kind": "exposure", "placement_id": "p-017", "subject": "somebody",
            "occurred_at": (now - timedelta(minutes=1)).isoformat(),
        }  # fmt: skip
        found.append((name, json.dumps(sound | change).encode()))

    for spelt in SPELT:
        for name in [*PilotEvent.model_fields, "unknown"]:
            add(name, **{name: "@@"})
        for other in (
            {},
            {"kind": "nonsense"},
            {"placement_id": "p-999"},
            {"unknown": 1},
            {"subject": 5},
            {"kind": "order.paid"},
        ):
            add("attributes", attributes={"a": 1, "note": "@@"}, **other)
        add("nested", attributes={"note": {"deep": "@@"}})
        add("nested", unknown={"deep": ["@@"]})
        found[:] = [(name, event.replace(b'"@@"', spelt)) for name, event in found]
    for name in NAMES:
        add("a name", **{name: 1})
        add("a name", attributes={name: 1})
        add("a name", attributes={name: [1]})
        add("a name", attributes={name: {name: name}}, kind="nonsense")
        add("a name", unknown={name: name})
        add("a name", event_idd=1, **{f"event_id {name}": 1, "event_id": None})
    return [(name, event) for name, event in found]
