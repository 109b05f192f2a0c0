"""One reading of a Standard Webhooks secret: what libraries sign with is taken, what they would not is named."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.webhook_secret import MAX_KEY_BYTES, MIN_KEY_BYTES, parse_webhook_secret

KEY = bytes(range(25))
SPELT = base64.b64encode(KEY).decode()


@pytest.mark.parametrize(
    "text", [f"whsec_{SPELT}", SPELT, f" whsec_{SPELT}\n", f"whsec_{SPELT.rstrip('=')}", f"whsec_{SPELT}".encode()]
)
def test_prefix_padding_and_blanks_around_make_no_difference(text: str | bytes) -> None:
    assert SPELT.endswith("=")

    assert parse_webhook_secret(text) == KEY


@pytest.mark.parametrize("length", [MIN_KEY_BYTES, MAX_KEY_BYTES])
def test_the_shortest_and_the_longest_key_are_taken(length: int) -> None:
    assert parse_webhook_secret("whsec_" + base64.b64encode(bytes(length)).decode()) == bytes(length)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"v1,whsec_{SPELT}", "from whsec_ on"),
        ("whsec_AAAA", "3 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "65 bytes"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "23 bytes"),
        (f"whsec_{SPELT[:-5]}-_", "base64"),
        ("whsec_" + "A" * 33, "cut"),
        ("whsec_", "base64"),
        ("", "base64"),
        ("whsec_" + SPELT + "===", "base64"),
        (f"whsec_{SPELT[:10]} {SPELT[10:]}", "base64"),
        (f"whsec_{SPELT}é", "base64"),
    ],
)
def test_what_spells_no_key_is_named_and_never_repeated(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        parse_webhook_secret(text)

    assert SPELT[:10] not in str(raised.value)
    assert raised.value.__cause__ is None


@given(st.binary(max_size=120))
def test_any_bytes_spell_a_key_of_a_fitting_length_or_are_named(text: bytes) -> None:
    try:
        length = len(parse_webhook_secret(text))
    except ValueError:
        length = MIN_KEY_BYTES

    assert MIN_KEY_BYTES <= length <= MAX_KEY_BYTES


@given(st.binary(min_size=MIN_KEY_BYTES, max_size=MAX_KEY_BYTES), st.booleans())
def test_every_key_comes_back_from_its_spelling(key: bytes, padded: bool) -> None:
    text = base64.b64encode(key).decode()

    assert parse_webhook_secret("whsec_" + (text if padded else text.rstrip("="))) == key
