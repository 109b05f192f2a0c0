"""The short way of a batch: elements that are plainly sound become stored lines with little ado, many at a time.

`Intake.judge_bytes` says what is right. What this way cannot tell at once it hands over, element by element and in
order; what it accepts itself is the very line that the exact way would have made (held to it by a property test).
An event costs about a fifth here of what it costs there; `bench/gateway.py` says how much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from producers.parsing.body import Element
from producers.parsing.written_once import ESCAPED_MARK, is_written_once
from producers.validation.pii import may_be_personal_in, may_begin_personal
from producers.validation.results import Judged, Pile
from producers.validation.validator import Intake
from runtime.errors import UnavailableError
from schemas.event import CONSENT_KINDS, KINDS, MAX_ATTRIBUTES_BYTES, REQUIRED_BY_KIND, USE_OUTCOMES, parse_time_ms
from schemas.event_struct import are_event_ids, decode_but_for_id

if TYPE_CHECKING:
    from producers.validation.pseudonym_cache import Known

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
# What so many events are decoded to stays in the processor's nearer cache until their lines are made.
AT_ONCE = 100
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class ShortWay:
    """Judges runs of a batch push's elements."""

    def __init__(self, intake: Intake) -> None:
        parts, account, window = intake.parts, intake.account, intake.window
        self._intake = intake
        self._taken = intake.taken
        self._duplicates = parts.duplicates
        self._with_changes = parts.consent.subjects
        self._allows = intake.allows
        self._pseudonyms = parts.pseudonyms
        self._recent = parts.memory.recent
        self._recent.forget_old(window.now_ms)
        self._known: dict[str, Known] = {}
        self._find_spot = parts.memory.spots(parts.directory, account, parts.partitions).find
        self._account_id = account.id
        self._oldest_ms, self._newest_ms = window.oldest_ms, window.newest_ms
        self._stamp = b',"received_ms":%d,"delivery_id":"%b","attributes":' % (
            window.now_ms,
            intake.delivery_id.encode(),
        )

    def judge(self, elements: Sequence[Element], indexes: Sequence[int]) -> Judged:
        """Return the outcome of each of *elements*, which have these *indexes* in the request.

        Raises `UnavailableError` where a hash key is not here yet.
        """
        judged = Judged()
        for start in range(0, len(elements), AT_ONCE):
            end = start + AT_ONCE
            self._judge_some(judged, elements[start:end], indexes[start:end])
        return judged

    def _judge_some(self, judged: Judged, elements: Sequence[Element], indexes: Sequence[int]) -> None:
        events = _decoded(elements)
        doubtful = self._doubtful(events)
        texts = _attribute_texts(elements, events)
        piles, accept = judged.piles, self._accept
        for index, element, event, text in zip(indexes, elements, events, texts, strict=True):
            if text is None or event.event_id in doubtful or not accept(piles, index, element, event, text):
                judged.add(index, self._intake.judge_bytes(element, index))

    def _doubtful(self, events: Sequence[Any]) -> set[str]:
        """Return the ids that were met before, stand here twice, or may be a personal number."""
        ids = [event.event_id for event in events if event is not None]
        distinct = set(ids)
        doubtful = self._duplicates.met_before(self._account_id, distinct) | (distinct & self._taken)
        if len(distinct) < len(ids):
            doubtful.update(event_id for event_id, times in Counter(ids).items() if times > 1)
        if may_begin_personal(ids):
            doubtful.update(event_id for event_id in ids if may_begin_personal((event_id,)))
        return doubtful

    def _accept(self, piles: Mapping[int, Pile], index: int, element: Element, event: Any, text: bytes) -> bool:
        """Accept *event*, whose attributes are encoded as *text*, or return False: it is not for the short way."""
        kind_part, needed = _KINDS.get(event.kind, _OF_CONSENT)
        if kind_part is None or (needed is not None and getattr(event, needed) is None):
            return False
        try:
            occurred_ms = parse_time_ms(event.occurred_at)
        except ValueError:
            return False
        in_time = self._oldest_ms <= occurred_ms <= self._newest_ms
        spot = self._find_spot(event, occurred_ms, self._intake.window) if in_time else None
        if spot is None or not is_written_once(element, event, text, spot.marks):
            return False
        known = self._known.get(spot.trial_id)
        if known is None and (known := self._begin_known(spot.trial_id)) is None:
            return False
        subject, session_id = event.subject, event.session_id
        visit = known.sessions.get(session_id)
        if visit is None or visit[0] != subject:
            visit = known.visit(subject, session_id)
        _, key, subject_part, session_part = visit
        if key in self._with_changes and not self._allows(key, occurred_ms, index):
            return False
        event_id, pile = event.event_id, piles[spot.partition]
        self._taken.add(event_id)
        pile.ids.append(event_id)
        pile.indexes.append(index)
        pile.lines.append(
            b'{"event_id":"%b%b%b%d%b%b%b%b%b%b%b}'
            % (
                event_id.encode(), spot.head, kind_part, occurred_ms, self._stamp, text, spot.tail,
                _OUTCOME_PARTS[event.outcome], subject_part, session_part, _numbers(event),
            )
        )  # fmt: skip
        return True

    def _begin_known(self, trial_id: str) -> "Known | None":
        """Return what stands for this account's subjects and sessions within a trial; None where a key is missing."""
        try:
            known = self._known[trial_id] = self._recent.within(self._account_id, trial_id, self._pseudonyms)
        except UnavailableError:
            return None
        return known


def _decoded(elements: Sequence[Element]) -> list[Any]:
    """Return the event of each element, or None where the exact way has to say what is wrong."""
    try:
        events = [decode_but_for_id(element) for element in elements]
    except _UNREADABLE:
        events = [_decoded_or_none(element) for element in elements]
    if are_event_ids([event.event_id for event in events if event is not None]):
        return events
    return [event if event is not None and are_event_ids((event.event_id,)) else None for event in events]


def _decoded_or_none(element: Element) -> Any:
    try:
        return decode_but_for_id(element)
    except _UNREADABLE:
        return None


def _attribute_texts(elements: Sequence[Element], events: Sequence[Any]) -> Sequence[bytes | None]:
    """Return the attributes of each event encoded; None where the exact way has to look.

    It has to where they are large, may hold personal data, or may hide a name that was given twice.
    """
    encoded = _encoder.encode_lines([None if event is None else event.attributes or _NO_ATTRIBUTES for event in events])
    texts = encoded.split(b"\n")[:-1]
    suspect = may_be_personal_in(encoded) or ESCAPED_MARK in encoded
    if not suspect and None not in events and max(map(len, elements), default=0) <= MAX_ATTRIBUTES_BYTES:
        return texts
    return [
        None if event is None or len(element) > MAX_ATTRIBUTES_BYTES or (suspect and _is_suspect(text)) else text
        for event, element, text in zip(events, elements, texts, strict=True)
    ]


def _is_suspect(text: bytes) -> bool:
    return may_be_personal_in(text) or ESCAPED_MARK in text


def _numbers(event: Any) -> bytes:
    """Return duration, amount and rating as they are stored."""
    if event.duration_ms is event.amount_fen is event.rating is None:
        return b""
    part = b"" if event.duration_ms is None else b',"duration_ms":%d' % event.duration_ms
    if event.amount_fen is not None:
        part += b',"amount_fen":%d' % event.amount_fen
    return part if event.rating is None else part + b',"rating":%d' % event.rating
