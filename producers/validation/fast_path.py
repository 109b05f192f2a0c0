"""The fast path of a batch: elements that are plainly sound become stored lines with little ado, many at a time.

`EventValidator.validate_bytes` says what is right. What this path cannot tell at once it hands over, one by one and in
order; what it accepts itself is the very line that the exact path would have made (held to it by a property test).
An event costs about a fifth here of what it costs there; `bench/gateway.py` says how much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from producers.parsing.body import Element
from producers.parsing.written_once import ESCAPED_MARK, is_written_once
from producers.validation.line_template import LineTemplate, encode_attributes
from producers.validation.pii import attributes_may_hold_pii, ids_may_be_pii
from producers.validation.results import BatchResults, PartitionBatch
from producers.validation.validator import EventValidator
from runtime.errors import UnavailableError
from schemas.event import CONSENT_KINDS, KINDS, MAX_ATTRIBUTES_BYTES, REQUIRED_BY_KIND, parse_time_ms
from schemas.event_struct import EventStruct, are_event_ids, decode_but_for_id

if TYPE_CHECKING:
    from producers.validation.pseudonym_cache import TrialPseudonyms

_NEEDS_NOTHING = ""
# The field that each kind requires. Consent is for the exact path.
_REQUIRED = {kind: REQUIRED_BY_KIND.get(kind, _NEEDS_NOTHING) for kind in KINDS if kind not in CONSENT_KINDS}
# What so many events are decoded to stays in the processor's nearer cache until their lines are made.
CHUNK_EVENTS = 100
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class FastPath:
    """Judges runs of a batch push's elements."""

    def __init__(self, validator: EventValidator) -> None:
        deps, account, window = validator.deps, validator.account, validator.window
        self._validator = validator
        self._taken = validator.taken
        self._duplicates = deps.duplicates
        self._with_changes = deps.consent.subjects
        self._allows = validator.allows
        self._pseudonyms = deps.pseudonyms
        self._cache = deps.caches.pseudonyms
        self._cache.forget_old(window.now_ms)
        self._by_trial: dict[str, TrialPseudonyms] = {}
        self._find_place = deps.caches.placements(deps.directory, account, deps.partitions).find
        self._account_id = account.id
        self._oldest_ms, self._newest_ms = window.oldest_ms, window.newest_ms
        self._line = LineTemplate(received_ms=window.now_ms, delivery_id=validator.delivery_id).fill

    def validate(self, elements: Sequence[Element], indexes: Sequence[int]) -> BatchResults:
        """Return the outcome of each of *elements*, which have these *indexes* in the request.

        Raises `UnavailableError` where a hash key is not here yet.
        """
        results = BatchResults()
        for start in range(0, len(elements), CHUNK_EVENTS):
            end = start + CHUNK_EVENTS
            self._validate_chunk(results, elements[start:end], indexes[start:end])
        return results

    def _validate_chunk(self, results: BatchResults, elements: Sequence[Element], indexes: Sequence[int]) -> None:
        events = _decoded(elements)
        doubtful = self._doubtful(events)
        texts = _attribute_texts(elements, events)
        piles, accept = results.by_partition, self._accept
        for index, element, event, text in zip(indexes, elements, events, texts, strict=True):
            if (
                event is None
                or text is None
                or event.event_id in doubtful
                or not accept(piles, index, element, event, text)
            ):
                results.add(index, self._validator.validate_bytes(element, index))

    def _doubtful(self, events: Sequence[EventStruct | None]) -> set[str]:
        """Return the ids that were met before, stand here twice, or may be a personal number."""
        ids = [event.event_id for event in events if event is not None]
        distinct = set(ids)
        doubtful = self._duplicates.met_before(self._account_id, distinct) | (distinct & self._taken)
        if len(distinct) < len(ids):
            doubtful.update(event_id for event_id, times in Counter(ids).items() if times > 1)
        if ids_may_be_pii(ids):
            doubtful.update(event_id for event_id in ids if ids_may_be_pii((event_id,)))
        return doubtful

    def _accept(
        self, piles: Mapping[int, PartitionBatch], index: int, element: Element, event: EventStruct, text: bytes
    ) -> bool:
        """Accept *event*, whose attributes are encoded as *text*, or return False: it is not for the fast path."""
        required = _REQUIRED.get(event.kind)
        if required is None or (required and getattr(event, required) is None):
            return False
        try:
            occurred_ms = parse_time_ms(event.occurred_at)
        except ValueError:
            return False
        in_time = self._oldest_ms <= occurred_ms <= self._newest_ms
        place = self._find_place(event, occurred_ms, self._validator.window) if in_time else None
        if place is None or not is_written_once(element, event, text, place.marks):
            return False
        texts = self._by_trial.get(place.trial_id)
        if texts is None and (texts := self._begin_trial(place.trial_id)) is None:
            return False
        subject, session_id = event.subject, event.session_id
        session = texts.sessions.get(session_id)
        if session is None or session.subject != subject:
            session = texts.of_session(subject, session_id)
        key = session.consent_key
        if key in self._with_changes and not self._allows(key, occurred_ms, index):
            return False
        event_id, pile = event.event_id, piles[place.partition]
        self._taken.add(event_id)
        pile.ids.append(event_id)
        pile.indexes.append(index)
        pile.lines.append(self._line(event, occurred_ms, text, place.parts, session.who))
        return True

    def _begin_trial(self, trial_id: str) -> "TrialPseudonyms | None":
        """Return what stands for this account's subjects and sessions within a trial; None where a key is missing."""
        try:
            texts = self._by_trial[trial_id] = self._cache.within(self._account_id, trial_id, self._pseudonyms)
        except UnavailableError:
            return None
        return texts


def _decoded(elements: Sequence[Element]) -> list[EventStruct | None]:
    """Return the event of each element, or None where the exact path has to say what is wrong."""
    events: list[EventStruct | None]
    try:
        events = [decode_but_for_id(element) for element in elements]
    except _UNREADABLE:
        events = [_decoded_or_none(element) for element in elements]
    if are_event_ids([event.event_id for event in events if event is not None]):
        return events
    return [event if event is not None and are_event_ids((event.event_id,)) else None for event in events]


def _decoded_or_none(element: Element) -> EventStruct | None:
    try:
        return decode_but_for_id(element)
    except _UNREADABLE:
        return None


def _attribute_texts(elements: Sequence[Element], events: Sequence[EventStruct | None]) -> Sequence[bytes | None]:
    """Return the attributes of each event encoded; None where the exact path has to look.

    It has to where they are large, may hold personal data, or may hide a name that was given twice.
    """
    encoded = encode_attributes(events)
    texts = encoded.split(b"\n")[:-1]
    suspect = attributes_may_hold_pii(encoded) or ESCAPED_MARK in encoded
    if not suspect and None not in events and max(map(len, elements), default=0) <= MAX_ATTRIBUTES_BYTES:
        return texts
    return [
        None if event is None or len(element) > MAX_ATTRIBUTES_BYTES or (suspect and _is_suspect(text)) else text
        for event, element, text in zip(events, elements, texts, strict=True)
    ]


def _is_suspect(text: bytes) -> bool:
    return attributes_may_hold_pii(text) or ESCAPED_MARK in text
