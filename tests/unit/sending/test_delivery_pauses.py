"""How long a sender waits: as the server asks."""

import pytest

from avenue.delivery import retry_after_s

NOW_S = 1_795_381_200.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("Sun, 22 Nov 2026 21:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2020 21:00:30 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
    ],
)
def test_retry_after_in_either_form(text: str, seconds: float | None) -> None:
    assert retry_after_s(text, now_s=NOW_S) == seconds
