"""The short way of a batch: elements that are plainly sound become stored lines with little ado, many at a time.

`Intake.judge_bytes` says what is right. What this way cannot tell at once it hands over, element by element and in
order; what it accepts itself is the very line that the exact way would have made (held to it by a property test).
An event costs about a fifth here of what it costs there; `bench/gateway.py` says how much.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from producers.body import Element
from producers.intake import Intake
from producers.judged import Judged
from producers.personal import may_be_personal_in
from runtime.errors import UnavailableError
from schemas.event import CONSENT_KINDS, KINDS, MAX_ATTRIBUTES_BYTES, REQUIRED_BY_KIND, USE_OUTCOMES, parse_time_ms
from schemas.fast import are_event_ids, decode_but_for_id

if TYPE_CHECKING:
    from producers.recent import Known

# The part of the line, and the field that the kind requires. Consent is for the exact way.
_KINDS = {
    kind: (b'"%b","occurred_ms":' % kind.encode(), REQUIRED_BY_KIND.get(kind))
    for kind in KINDS
    if kind not in CONSENT_KINDS
}
_OF_CONSENT = (None, None)
_OUTCOME_PARTS: dict[str | None, bytes] = {name: b',"outcome":"%b"' % name.encode() for name in USE_OUTCOMES}
_OUTCOME_PARTS[None] = b""
_encoder = msgspec.json.Encoder()
_NO_ATTRIBUTES: dict[str, Any] = {}


class ShortWay:
    """Judges runs of a batch push's elements."""

    def __init__(self, intake: Intake) -> None:
        parts, account, window = intake.parts, intake.account, intake.window
        self._intake = intake
        self._duplicates = parts.duplicates
        self._allows = parts.consent.allows
        self._pseudonyms = parts.pseudonyms
        self._recent = parts.memory.recent
        self._recent.forget_old(window.now_ms)
        self._known: dict[str, Known] = {}
        self._spots = parts.memory.spots(parts.directory, account, parts.partitions)
        self._account_id = account.id
        self._stamp = b',"received_ms":%d,"delivery_id":"%b","attributes":' % (
            window.now_ms,
            intake.delivery_id.encode(),
        )

    def judge(self, elements: Sequence[Element], indexes: Sequence[int]) -> Judged:
        """Return the outcome of each of *elements*, which have these *indexes* in the request.

        Raises `UnavailableError` where a hash key is not here yet.
        """
        judged = Judged()
        events = _decoded(elements)
        doubtful = self._doubtful(events)
        texts = _attribute_texts(elements, events)
        for index, element, event, text in zip(indexes, elements, events, texts, strict=True):
            if text is None or event.event_id in doubtful or not self._accept(judged, index, event, text):
                judged.add(index, self._intake.judge_bytes(element, index))
        for pile in judged.accepted:
            self._intake.taken.update(pile.ids)
        return judged

    def _doubtful(self, events: Sequence[Any]) -> set[str]:
        """Return the ids that were met before, or stand here twice."""
        ids = [event.event_id for event in events if event is not None]
        distinct = set(ids)
        doubtful = self._duplicates.met_before(self._account_id, distinct) | (distinct & self._intake.taken)
        if len(distinct) < len(ids):
            doubtful.update(event_id for event_id, times in Counter(ids).items() if times > 1)
        return doubtful

    def _accept(self, judged: Judged, index: int, event: Any, text: bytes) -> bool:
        """Accept *event*, whose attributes are encoded as *text*, or return False: it is not for the short way."""
        event_id, kind_part, window = event.event_id, _kind_part(event), self._intake.window
        # An id that begins with eleven digits may be a personal number.
        if kind_part is None or event_id[:11].isdigit():
            return False
        try:
            occurred_ms = parse_time_ms(event.occurred_at)
        except ValueError:
            return False
        if not window.oldest_ms <= occurred_ms <= window.newest_ms:
            return False
        spot = self._spots.find(event, occurred_ms, window)
        who = self._who(event, spot.trial_id, occurred_ms) if spot is not None else None
        if spot is None or who is None:
            return False
        pile = judged.piles[spot.partition]
        pile.ids.append(event_id)
        pile.indexes.append(index)
        pile.lines.append(
            b"".join(
                (
                    b'{"event_id":"', event_id.encode(), spot.head, kind_part, b"%d" % occurred_ms, self._stamp, text,
                    spot.tail, _OUTCOME_PARTS[event.outcome], who, _numbers(event), b"}",
                )
            )
        )  # fmt: skip
        return True

    def _who(self, event: Any, trial_id: str, occurred_ms: int) -> bytes | None:
        """Return subject and session as they are stored; None where the subject has withdrawn, or a key is missing."""
        known = self._known.get(trial_id)
        if known is None:
            try:
                known = self._recent.within(self._account_id, trial_id, self._pseudonyms)
            except UnavailableError:
                return None
            self._known[trial_id] = known
        part = b""
        if event.subject:
            key, part = known.subjects[event.subject]
            if not self._allows(key, occurred_ms):
                return None
        return part + known.sessions[event.session_id] if event.session_id else part


def _decoded(elements: Sequence[Element]) -> list[Any]:
    """Return the event of each element, or None where the exact way has to say what is wrong."""
    events: list[Any] = []
    for element in elements:
        try:
            events.append(decode_but_for_id(element))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            events.append(None)
    if are_event_ids(event.event_id for event in events if event is not None):
        return events
    return [event if event is not None and are_event_ids((event.event_id,)) else None for event in events]


def _attribute_texts(elements: Sequence[Element], events: Sequence[Any]) -> Sequence[bytes | None]:
    """Return the attributes of each event encoded; None where the exact way has to look: size, personal data."""
    attributes = [None if event is None else event.attributes or _NO_ATTRIBUTES for event in events]
    encoded = _encoder.encode_lines(attributes)
    texts = encoded.split(b"\n")[:-1]
    suspect = may_be_personal_in(encoded)
    if not suspect and None not in attributes and max(map(len, elements), default=0) <= MAX_ATTRIBUTES_BYTES:
        return texts
    return [
        None if of is None or len(element) > MAX_ATTRIBUTES_BYTES or (suspect and may_be_personal_in(text)) else text
        for of, element, text in zip(attributes, elements, texts, strict=True)
    ]


def _kind_part(event: Any) -> bytes | None:
    """Return the kind as it is stored, or None where the exact way has to look: at consent, at what is missing."""
    part, needed = _KINDS.get(event.kind, _OF_CONSENT)
    return part if needed is None or getattr(event, needed) is not None else None


def _numbers(event: Any) -> bytes:
    """Return duration, amount and rating as they are stored."""
    part = b"" if event.duration_ms is None else b',"duration_ms":%d' % event.duration_ms
    if event.amount_fen is not None:
        part += b',"amount_fen":%d' % event.amount_fen
    return part if event.rating is None else part + b',"rating":%d' % event.rating
