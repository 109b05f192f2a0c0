"""A partner's own batches with a person's data in every field, header and parameter; some refused, some unreadable."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bench.personal_pushes import Request
from bench.personal_values import RECOGNISED, SORTS, PersonalValues
from schemas.event import PilotEvent

ADDRESS = "/v1/events"
EVENTS_OF_ONE = 5
MARKER = "harmless-marker-of-this-run"
"""Stands in what is sent and may be kept: a reader of a place that does not find it has read nothing."""
_OWN_TEXTS = tuple(name for name in PilotEvent.model_fields if name not in {"subject", "session_id", "attributes"})
REFUSED_EVERY, MALFORMED_EVERY = 13, 11


class Batches:
    """Requests one after another; each event is of the next sort of `_SORTS`."""

    def __init__(self, key: str, places: Sequence[str], values: PersonalValues) -> None:
        self._key = key
        self._places = places
        self._values = values
        self._requests = self._events = 0
        self._makers: tuple[Callable[[], dict[str, Any]], ...] = (
            self._sound, self._attribute, self._attribute_name, self._free_attribute, self._own_field, self._unknown,
            self._nested, self._unknown_place, self._named_id,
        )  # fmt: skip

    def next(self) -> Request:
        """Return the next request."""
        self._requests += 1
        number = self._requests
        made = "refused" if number % REFUSED_EVERY == 0 else "malformed" if number % MALFORMED_EVERY == 0 else "sound"
        events = [json.dumps(self.event(), ensure_ascii=number % 2 == 0).encode() for _ in range(EVENTS_OF_ONE)]
        ndjson = number % 3 == 0
        body = b"\n".join(events) if ndjson else b"[%b]" % b",".join(events)
        if made == "malformed":
            body = body[: -len(events[-1]) // 2]
        # Whoever mixes up their fields sends a password as the key.
        key = self._new("header", "authorization", ("password", "mobile")) if made == "refused" else self._key
        query = {"buyer_phone": self._new("query", "buyer_phone"), "results": "all"}
        query[self._new("query", "(a name)")] = "1"
        headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/x-ndjson" if ndjson else "application/json",
            "idempotency-key": self._new("header", "idempotency-key", ("wechat", "card", "identity")),
            "x-user-name": quote(self._new("header", "x-user-name")),
            "user-agent": self._new("header", "user-agent", ("mobile", "email", "password")),
            f"x-{self._new('header', '(a name)', ('mobile', 'wechat'))}": "1",
        }
        return Request("POST", f"{ADDRESS}?{urlencode(query)}", body, headers, made)

    def event(self) -> dict[str, Any]:
        """Return the next event."""
        self._events += 1
        return self._makers[self._events % len(self._makers)]()

    def _new(self, where: str, name: str, sorts: Sequence[str] = SORTS) -> str:
        # Beside the makers' turn, so that each maker comes by each sort.
        turn = self._events // len(self._makers) + self._events + len(name)
        return self._values.new(sorts[turn % len(sorts)], f"batch {where}", name)

    def _base(self, **more: Any) -> dict[str, Any]:
        at = datetime.now(UTC) - timedelta(seconds=self._events % 3600 + 1)
        return {
            "event_id": f"who-{self._events}", "kind": "exposure", "occurred_at": at.isoformat(),
            "placement_id": self._places[self._events % len(self._places)],
            "subject": self._new("subject", "subject"), "session_id": self._new("subject", "session_id"),
            "attributes": {"scene": MARKER}, **more,
        }  # fmt: skip

    def _sound(self) -> dict[str, Any]:
        return self._base()

    def _attribute(self) -> dict[str, Any]:
        text: Any = self._new("attribute", "attributes.note", RECOGNISED)
        if text.isdigit() and len(text) < 17 and self._events % 2:
            text = int(text)
        return self._base(attributes={"scene": MARKER, "note": text, "more": f"call {self._recognised('more')} now"})

    def _recognised(self, name: str) -> str:
        return self._new("attribute", f"attributes.{name}", RECOGNISED)

    def _attribute_name(self) -> dict[str, Any]:
        return self._base(attributes={self._recognised("(a name)"): 1, "scene": MARKER})

    def _free_attribute(self) -> dict[str, Any]:
        return self._base(attributes={"scene": MARKER, "note": self._new("free text", "attributes.note")})

    def _own_field(self) -> dict[str, Any]:
        name = _OWN_TEXTS[self._events // len(self._makers) % len(_OWN_TEXTS)]
        return self._base(**{name: self._new("own field", name)})

    def _unknown(self) -> dict[str, Any]:
        return self._base(
            recipient_name=self._new("unknown field", "recipient_name"),
            contact={"phone": [self._new("unknown field", "contact.phone")]},
            **{self._new("name of an unknown field", "(a name)"): self._new("unknown field", "(a name)")},
        )

    def _nested(self) -> dict[str, Any]:
        deep = {"deep": [self._new("nested", "attributes.note.deep")]}
        return self._base(attributes={"scene": MARKER, "note": deep, "number": [int(self._card())]})

    def _card(self) -> str:
        return self._new("nested", "attributes.number", ("card", "mobile"))

    def _unknown_place(self) -> dict[str, Any]:
        return self._base(placement_id="p-nowhere", attributes={"scene": MARKER, "note": self._recognised("note")})

    def _named_id(self) -> dict[str, Any]:
        return self._base(event_id=self._new("event id", "event_id", ("mobile", "identity", "card")))
