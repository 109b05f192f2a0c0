"""How many requests of one account may be open at once, in number and in bytes."""

import pytest

from producers.gateway.admission import BUSY_RETRY_S, Admission, TurnedAway
from runtime.settings import GatewaySettings
from schemas.registry import Account
from tests.support.factories import REGISTRY

ACCOUNT, OTHER = REGISTRY.accounts[0], REGISTRY.accounts[1]
MIB = 1 << 20


def admission(**limits: object) -> Admission:
    return Admission(GatewaySettings.model_validate(limits))


def causes(of: Admission, account: Account, *sizes: int) -> list[str]:
    """Return what stood against letting in a push of each of *sizes*, '' where it was let in."""
    found = [of.enter(account, size, 0.0) for size in sizes]
    return ["" if away is None else away.cause for away in found]


def test_no_more_requests_of_an_account_are_open_than_the_setting_says_and_another_s_are_its_own() -> None:
    of = admission(account_requests=2)

    assert causes(of, ACCOUNT, 1, 1, 1) == ["", "", "busy"]
    assert of.enter(ACCOUNT, 1, 0.0) == TurnedAway("busy", BUSY_RETRY_S)
    assert causes(of, OTHER, 1) == [""]

    of.leave(ACCOUNT, 1)
    assert causes(of, ACCOUNT, 1, 1) == ["", "busy"]


def test_the_bytes_of_an_account_s_open_requests_are_a_share_of_all() -> None:
    of = admission(inflight_bytes=64 * MIB, account_share=0.5)

    assert causes(of, ACCOUNT, 20 * MIB, 20 * MIB, 1) == ["", "busy", ""]
    assert causes(of, OTHER, 20 * MIB) == [""]
    of.leave(ACCOUNT, 20 * MIB)
    assert causes(of, ACCOUNT, 20 * MIB) == [""]


def test_one_alone_is_let_in_however_large() -> None:
    assert causes(admission(inflight_bytes=64 * MIB, account_share=0.01), ACCOUNT, 8 * MIB, 1) == ["", "busy"]


@pytest.mark.parametrize("rounds", [3])
def test_what_is_answered_leaves_nothing_behind(rounds: int) -> None:
    of = admission(account_requests=2)
    for _ in range(rounds):
        assert causes(of, ACCOUNT, 5, 7) == ["", ""]
        of.leave(ACCOUNT, 5)
        of.leave(ACCOUNT, 7)

    assert (dict(of._open), dict(of._open_bytes)) == ({}, {})
