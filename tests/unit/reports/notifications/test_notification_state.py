"""What the topic of messages comes to."""

from reports.notifications.log import FrozenReport, NotificationState, frozen_key, state_of, told_key


def test_claims_and_frozen_reports_are_told_apart_and_the_rest_is_left_out() -> None:
    late, early = FrozenReport("neuro", "b", 2_000), FrozenReport("neuro", "a", 1_000)
    told = told_key("c-1", "digest", "", "", "2026-W48")

    state = state_of(
        {
            told: b"owner",
            frozen_key(late): b'{"frozen_ms": 2000}',
            frozen_key(early): b'{"frozen_ms": 1000}',
            frozen_key(FrozenReport("neuro", "c", 3)): b"no json",
            frozen_key(FrozenReport("neuro", "d", 3)): b'{"frozen_ms": "3"}',
            "another": b"x",
        }
    )

    assert state == NotificationState(frozenset({told}), (early, late))
