"""Access keys: form, checksum, scope, life."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.directory import Directory
from registry.file import load_registry
from registry.keys import check_scope, is_well_formed, issue_key, parse_expiry, state_of
from runtime.errors import ConfigurationError
from tests.support.paths import EXAMPLE_REGISTRY

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scope", "letter"), [("account:sunmi-main", "a"), ("startup:limbus", "s"), ("operator", "o"), ("programme", "p")]
)
def test_a_key_is_found_by_a_scanner_and_only_its_hash_is_kept(scope: str, letter: str) -> None:
    issued = issue_key(scope, now=NOW)

    assert re.fullmatch(rf"avk_{letter}[0-9A-Za-z]{{34}}", issued.secret)
    assert issued.entry.sha256 == hashlib.sha256(issued.secret.encode()).hexdigest()
    assert issued.secret not in repr(issued) + issued.entry.model_dump_json()
    assert issued.secret.startswith(issued.entry.prefix)


def test_no_two_keys_are_alike() -> None:
    issued = [issue_key("operator", now=NOW) for _ in range(200)]

    assert len({key.secret for key in issued}) == len({key.entry.id for key in issued}) == 200


@given(st.integers(5, 38), st.sampled_from("0123456789ABCabc"))
def test_one_wrong_character_is_noticed_by_the_checksum(position: int, other: str) -> None:
    secret = issue_key("operator", now=NOW).secret
    assert is_well_formed(secret)

    wrong = secret[:position] + other + secret[position + 1 :]

    assert is_well_formed(wrong) == (wrong == secret)


@pytest.mark.parametrize("text", ["", "avk_o", "avk_x" + "0" * 34, "Bearer avk_o" + "0" * 34])
def test_other_text_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("scope", ["account:sunmi-main", "startup:limbus", "operator", "programme"])
def test_a_scope_of_somebody_in_the_registry_is_fine(scope: str) -> None:
    directory = Directory(registry=load_registry(EXAMPLE_REGISTRY))

    check_scope(scope, directory)

    with pytest.raises(ConfigurationError):
        check_scope(f"{scope}x", directory)


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("account:limbus", "no account 'limbus'; known are aihuishou-main"),
        ("startup:sunmi-main", "no startup 'sunmi-main'"),
        ("account:", "is no scope"),
        ("product:emg-arm", "is no scope"),
        ("operator:me", "takes no id"),
        ("", "is no scope"),
    ],
)
def test_a_scope_of_nobody_is_refused(scope: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        check_scope(scope, Directory(registry=load_registry(EXAMPLE_REGISTRY)))


def test_before_a_registry_is_applied_only_keys_of_nobody_are_issued() -> None:
    check_scope("operator", Directory())

    with pytest.raises(ConfigurationError, match="apply a registry first"):
        check_scope("account:sunmi-main", Directory())


@pytest.mark.parametrize(
    ("text", "life"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        (" 2w ", timedelta(14)),
    ],
)
def test_a_life_is_a_number_and_a_unit(text: str, life: timedelta) -> None:
    assert parse_expiry(text, now=NOW) == NOW + life


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-1d", "1.5d", "9000d", "999999w", "１d", "1d1h"])
def test_any_other_life_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_expiry(text, now=NOW)


def test_the_state_of_a_key_follows_the_clock() -> None:
    key = issue_key("operator", now=NOW, expires_at=NOW + timedelta(hours=1)).entry
    states = [
        state_of(key, now=NOW + timedelta(minutes=59)),
        state_of(key, now=NOW + timedelta(hours=1)),
        state_of(key.model_copy(update={"revoked_at": NOW}), now=NOW),
    ]

    assert states == ["valid", "expired", "revoked"]
