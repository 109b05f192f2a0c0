"""A line put together from its parts is the line that the encoder makes of the whole event."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from producers.validation.line_template import (
    LineTemplate,
    encode_attributes,
    encode_line,
    placement_parts,
    session_part,
    subject_part,
)
from producers.validation.placement import ResolvedPlacement
from schemas.event import KINDS, USE_OUTCOMES, parse_time_ms
from schemas.event_struct import EventStruct
from schemas.lines import StoredEvent
from tests.support.factories import NOW, NOW_MS, REGISTRY
from tests.support.properties import examples

ACCOUNT = next(account for account in REGISTRY.accounts if account.id == "sunmi-main")
PSEUDONYM = "0123456789abcdef" * 2
ids = st.text(min_size=1, max_size=8)
texts = st.one_of(st.text(max_size=8), st.sampled_from(['"', "\\", "\n", "\u2028", "\x00", "\x7f", "</script>", "🙂"]))
leaves = st.one_of(texts, st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-1e15, 1e15))
events = st.builds(
    EventStruct,
    st.from_regex(r"[A-Za-z0-9._:\-]{1,64}", fullmatch=True),
    st.sampled_from(KINDS),
    st.just(NOW.isoformat()),
    outcome=st.sampled_from([*USE_OUTCOMES, None]),
    duration_ms=st.sampled_from([0, 5, 86_400_000, None]),
    amount_fen=st.sampled_from([0, 10**12, None]),
    rating=st.sampled_from([1, 5, None]),
    attributes=st.none() | st.dictionaries(texts, leaves, max_size=4),
)
places = st.builds(ResolvedPlacement, ids | st.just(""), ids, ids, st.sampled_from(["", "pilot", "a\\b"]))


@given(events, places, st.booleans(), st.booleans(), texts)
@examples(500)
def test_a_filled_line_is_the_encoded_one(
    event: EventStruct, place: ResolvedPlacement, by_somebody: bool, in_session: bool, delivery_id: str
) -> None:
    occurred_ms = parse_time_ms(event.occurred_at)
    whole = StoredEvent(
        event_id=event.event_id,
        account_id=ACCOUNT.id,
        platform=ACCOUNT.platform,
        product_id=place.product_id,
        trial_id=place.trial_id,
        kind=event.kind,
        occurred_ms=occurred_ms,
        received_ms=NOW_MS,
        delivery_id=delivery_id,
        attributes=event.attributes or {},
        placement_id=place.placement_id,
        arm=place.arm,
        outcome=event.outcome or "",
        subject=PSEUDONYM if by_somebody else "",
        session_id=PSEUDONYM if in_session else "",
        duration_ms=event.duration_ms,
        amount_fen=event.amount_fen,
        rating=event.rating,
    )
    template = LineTemplate(received_ms=NOW_MS, delivery_id=delivery_id)
    attributes = encode_attributes([event, None]).split(b"\n")
    who = (subject_part(PSEUDONYM) if by_somebody else b"") + (session_part(PSEUDONYM) if in_session else b"")

    line = template.fill(event, occurred_ms, attributes[0], placement_parts(ACCOUNT, place), who)

    assert attributes[1:] == [b"null", b""]
    assert line == encode_line(whole)
    assert msgspec.json.decode(line, type=StoredEvent) == whole
