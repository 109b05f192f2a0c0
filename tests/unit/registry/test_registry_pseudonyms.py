"""Pseudonyms: the two steps, what they keep apart, and keys that go."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.pseudonyms import Pseudonyms, first_step, second_step
from runtime.errors import UnavailableError

ACCOUNT_KEY = bytes(range(32))
TRIAL_KEY = bytes(reversed(range(32)))


class Keys:
    """A dictionary's worth of keys."""

    def __init__(self, **keys: bytes) -> None:
        self.keys = keys

    def account_key(self, account_id: str) -> bytes | None:
        return self.keys.get(account_id)

    def trial_key(self, trial_id: str) -> bytes | None:
        return self.keys.get(trial_id)


def test_the_steps_are_what_they_were() -> None:
    """A change here would break every subject in two: what is stored could not be joined with what comes."""
    first = first_step(ACCOUNT_KEY, "opaque-user-or-device")

    assert first == "fdf58901dc9b9ccc36bc55b79cb567c7"
    assert second_step(TRIAL_KEY, first) == "782b7510dc959fedd16be3ca8292deb4"
    assert first_step(ACCOUNT_KEY, "顾客") == "1286e344f42af8f2c8db93a8485d1e4d"


@given(st.text(), st.binary(min_size=32, max_size=32))
def test_the_cached_steps_equal_keyed_blake2b(subject: str, key: bytes) -> None:
    pseudonyms = Pseudonyms(Keys(a=key, t=key))
    expected = hashlib.blake2b(subject.encode(), key=key, digest_size=16, person=b"avenue subject 1").hexdigest()

    assert pseudonyms.first_step("a", subject) == pseudonyms.first_step("a", subject) == expected
    assert pseudonyms.second_step("t", expected) == second_step(key, expected)


@pytest.mark.parametrize("subject", ["\ud800", "\udfff x", "\x00"])
def test_any_text_that_json_can_hold_has_a_pseudonym(subject: str) -> None:
    assert len(first_step(ACCOUNT_KEY, subject)) == 32


def test_one_subject_is_another_in_each_account_trial_and_step() -> None:
    first = first_step(ACCOUNT_KEY, "s")
    found = {first, first_step(TRIAL_KEY, "s"), second_step(TRIAL_KEY, first), second_step(ACCOUNT_KEY, first)}

    assert len(found | {first_step(ACCOUNT_KEY, first)}) == 5


def test_a_destroyed_key_is_not_used_again() -> None:
    keys = Keys(a=ACCOUNT_KEY)
    pseudonyms = Pseudonyms(keys)
    before = pseudonyms.first_step("a", "s")

    del keys.keys["a"]
    with pytest.raises(UnavailableError, match="account a has no hash key"):
        pseudonyms.first_step("a", "s")

    keys.keys["a"] = TRIAL_KEY
    assert pseudonyms.first_step("a", "s") != before


def test_a_missing_trial_key_names_the_trial() -> None:
    with pytest.raises(UnavailableError, match="trial t has no hash key"):
        Pseudonyms(Keys()).second_step("t", "0" * 32)


def test_states_are_bounded_and_those_dropped_give_the_same_hash() -> None:
    keys = Keys(**{f"a{n}": bytes([n]) * 32 for n in range(10)})
    bounded = Pseudonyms(keys, max_states=3)

    twice = [[bounded.first_step(name, "s") for name in keys.keys] for _ in range(2)]

    assert twice[0] == twice[1] == [first_step(key, "s") for key in keys.keys.values()]
    assert len(bounded._accounts) == 3
