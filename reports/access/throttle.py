"""Wrong keys at the sign-in, counted by address and by how the key begins: too many are told to wait."""

import ipaddress
from dataclasses import dataclass

from cachetools import TTLCache

from runtime.clock import Clock
from runtime.settings import ReportSettings

PREFIX_CHARS = 9
"""As much of a key as is kept in the open beside its hash."""
ADDRESS_CHARS = 64
IPV6_NETWORK_BITS = 64
"""One customer of a provider has so much: single addresses of it would be counted apart for ever."""


@dataclass(slots=True)
class _Failures:
    count: int
    until_s: float


class SignInThrottle:
    """Counts failures for `sign_in_window_s` from the first on; then a group's count begins anew.

    Each process counts for itself. A key has 166 random bits: this bounds the noise and the log, not a search.
    """

    def __init__(self, settings: ReportSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        most, window_s = settings.sign_in_addresses, settings.sign_in_window_s
        self._by_address: TTLCache[str, _Failures, float] = TTLCache(most, window_s, self._now_s)
        self._by_prefix: TTLCache[str, _Failures, float] = TTLCache(most, window_s, self._now_s)

    def wait_s(self, address: str, key: str) -> int:
        """Return for how many seconds a sign-in from *address* with *key* has to wait: 0 where it need not."""
        found = (
            (self._by_address.get(_network(address)), self._settings.sign_in_failures),
            (self._by_prefix.get(key[:PREFIX_CHARS]), self._settings.sign_in_key_failures),
        )
        left = [failures.until_s - self._now_s() for failures, most in found if failures and failures.count >= most]
        return max([0, *(int(seconds) + 1 for seconds in left)])

    def note_failure(self, address: str, key: str) -> None:
        """Count a wrong *key* from *address*."""
        for counts, group in ((self._by_address, _network(address)), (self._by_prefix, key[:PREFIX_CHARS])):
            if (failures := counts.get(group)) is not None:
                failures.count += 1
            else:
                counts[group] = _Failures(1, self._now_s() + self._settings.sign_in_window_s)

    def _now_s(self) -> float:
        return self._clock.now_ms() / 1000


def _network(address: str) -> str:
    """Return whom *address* is counted with: itself, or its provider's customer."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:ADDRESS_CHARS]
    if found.version == 6:
        return str(ipaddress.ip_network((found, IPV6_NETWORK_BITS), strict=False))
    return address


def address_of(client: str, forwarded_for: str, proxies: int) -> str:
    """Return who asks: *client*, or where *proxies* stand in front the address that the outermost of them saw.

    Each proxy adds one at the right; what stands further left anybody may have written.
    """
    seen = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    return seen[-proxies] if 0 < proxies <= len(seen) else client
