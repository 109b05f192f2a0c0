"""Wrong keys are counted by address and by how they begin, for a time and within bounds."""

import pytest

from reports.access.throttle import SignInThrottle, address_of
from runtime.clock import ManualClock
from runtime.settings import ReportSettings

MOST = ReportSettings(sign_in_failures=3, sign_in_key_failures=5, sign_in_window_s=60, sign_in_addresses=100)
KEY = "avk_s1234567890"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000)


@pytest.fixture
def throttle(clock: ManualClock) -> SignInThrottle:
    return SignInThrottle(MOST, clock)


def fail(throttle: SignInThrottle, address: str, times: int, key: str = KEY) -> None:
    for _ in range(times):
        throttle.note_failure(address, key)


def test_an_address_waits_after_its_last_allowed_failure_until_the_window_is_over(
    throttle: SignInThrottle, clock: ManualClock
) -> None:
    fail(throttle, "192.0.2.1", 2)
    assert throttle.wait_s("192.0.2.1", KEY) == 0

    clock.advance(20_000)
    fail(throttle, "192.0.2.1", 1)

    assert throttle.wait_s("192.0.2.1", KEY) == 41
    assert throttle.wait_s("192.0.2.2", KEY) == 0
    clock.advance(41_000)
    assert throttle.wait_s("192.0.2.1", KEY) == 0


def test_keys_that_begin_alike_are_counted_together_from_everywhere(throttle: SignInThrottle) -> None:
    for n in range(5):
        fail(throttle, f"192.0.2.{n}", 1, key=f"avk_s1234{n}")

    assert throttle.wait_s("198.51.100.7", "avk_s1234-other-end") == 61
    assert throttle.wait_s("198.51.100.7", "avk_s9999") == 0


def test_one_customers_ipv6_addresses_are_counted_together(throttle: SignInThrottle) -> None:
    for n in range(3):
        fail(throttle, f"2001:db8:1:2::{n}", 1, key=f"{n}")

    assert throttle.wait_s("2001:db8:1:2:ffff::9", "new") > 0
    assert throttle.wait_s("2001:db8:1:3::9", "new") == 0


def test_ten_thousand_addresses_take_no_more_room_than_the_bound(throttle: SignInThrottle) -> None:
    for n in range(10_000):
        throttle.note_failure(f"host-{n}", f"{n}")

    assert (len(throttle._by_address), len(throttle._by_prefix)) == (100, 100)


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        ("203.0.113.9", 0, "10.0.0.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("made-up, 203.0.113.9", 1, "203.0.113.9"),
        ("made-up, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("", 1, "10.0.0.1"),
    ],
)
def test_who_asks_is_what_the_own_proxies_saw(forwarded_for: str, proxies: int, address: str) -> None:
    assert address_of("10.0.0.1", forwarded_for, proxies) == address
