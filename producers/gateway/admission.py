"""How much one account may send, and whether anything at all: asked before a push is verified or read.

Own code, since what limiting libraries here offer has a window whose quota is a count of requests: they either keep an
entry for each event of a batch or refuse a batch that is larger than what is left, which would never be taken.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

from runtime.settings import GatewaySettings
from schemas.registry import Account

TurnedAwayCause = Literal["refused", "requests", "events", "busy"]

BURST_S = 1.0
"""So much of a rate may come at once."""
REFUSED_RETRY_S = 60.0
"""An operator who takes an account out of `refuse` is followed within this."""
BUSY_RETRY_S = 1.0
# An account that owes nothing need not be remembered: beyond so many they are looked through.
_SWEEP_ACCOUNTS = 1024
_DETAILS: dict[TurnedAwayCause, str] = {
    "refused": "this account is told to come later, by the operator; keep what you have and send it again then",
    "requests": "too many requests a second for this account; put more events into one request",
    "events": "more events a second than this account may send; send the same again after that time",
    "busy": "too many requests of this account wait for their turn; send the same again, with fewer at once",
}


# RFC 9218: the urgency of what runs in the background.
_BACKGROUND = re.compile(r"(?:^|[,\s])u=7(?:$|[,;\s])")


def is_background(account: Account, headers: Mapping[str, str]) -> bool:
    """Tell whether a push stands behind live traffic: the account's do, or its sender says so (`Priority: u=7`)."""
    return account.mode == "slow" or _BACKGROUND.search(headers.get("priority", "")) is not None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A push that is not looked at: nothing of it is stored."""

    cause: TurnedAwayCause
    wait_s: float

    @property
    def detail(self) -> str:
        """What is wrong, and the way out."""
        return f"{_DETAILS[self.cause]}. Nothing of this request was stored"


class DuePayments:
    """A rate per account: what comes is taken while nothing is owed beyond the burst, whole, and paid off afterwards.

    The generic cell rate algorithm (ITU-T I.371), with costs: over any longer time no more than the rate is taken.
    """

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}

    def wait_s(self, account_id: str, per_s: float, now_s: float) -> float:
        """Return how long the account has to wait, 0 where it may send; nothing is counted."""
        owed_s = self._due_s.get(account_id, now_s) - now_s
        return owed_s - BURST_S + 1 / per_s if owed_s > BURST_S else 0.0

    def count(self, account_id: str, cost: int, per_s: float, now_s: float) -> None:
        """Count what was taken."""
        if len(self._due_s) > _SWEEP_ACCOUNTS:
            self._due_s = {name: due_s for name, due_s in self._due_s.items() if due_s > now_s}
        self._due_s[account_id] = max(self._due_s.get(account_id, now_s), now_s) + cost / per_s

    def left(self, account_id: str, per_s: float, now_s: float) -> int:
        """Return how much may come at once now."""
        owed_s = max(0.0, self._due_s.get(account_id, now_s) - now_s)
        return max(0, floor((BURST_S - owed_s) * per_s))


class Admission:
    """Decides by account; only accounts of the registry come here, so that strangers cost no memory."""

    def __init__(self, limits: GatewaySettings) -> None:
        self._requests_per_s = limits.requests_per_s
        self._most = limits.account_requests
        self._most_bytes = int(limits.inflight_bytes * limits.account_share)
        self._requests, self._events = DuePayments(), DuePayments()
        self._open: Counter[str] = Counter()
        self._open_bytes: Counter[str] = Counter()

    def enter(self, account: Account, size: int, now_s: float) -> TurnedAway | None:
        """Let a push of *size* bytes in, to be told by `leave` when it is answered; or return why it is not looked at.

        Nothing is counted towards the rates: whose it is may not be proven yet.
        """
        away = self._turn_away(account, size, now_s)
        if away is None:
            self._open[account.id] += 1
            self._open_bytes[account.id] += size
        return away

    def leave(self, account: Account, size: int) -> None:
        """Take back what `enter` let in."""
        self._open[account.id] -= 1
        self._open_bytes[account.id] -= size
        if not self._open[account.id]:
            del self._open[account.id], self._open_bytes[account.id]

    def _turn_away(self, account: Account, size: int, now_s: float) -> TurnedAway | None:
        if account.mode == "refuse":
            return TurnedAway("refused", REFUSED_RETRY_S)
        if (wait_s := self._requests.wait_s(account.id, self._requests_per_s, now_s)) > 0:
            return TurnedAway("requests", wait_s)
        rate = account.rate_per_s
        if rate is not None and (wait_s := self._events.wait_s(account.id, rate, now_s)) > 0:
            return TurnedAway("events", wait_s)
        # One alone is let in, however large.
        if (count := self._open[account.id]) and (
            count >= self._most or self._open_bytes[account.id] + size > self._most_bytes
        ):
            return TurnedAway("busy", BUSY_RETRY_S)
        return None

    def count_request(self, account: Account, now_s: float) -> None:
        """Count a request whose sender is known."""
        self._requests.count(account.id, 1, self._requests_per_s, now_s)

    def count_events(self, account: Account, events: int, now_s: float) -> None:
        """Count the events of a request that was read."""
        if account.rate_per_s is not None:
            self._events.count(account.id, events, account.rate_per_s, now_s)

    def headers(self, account: Account, now_s: float) -> dict[str, str]:
        """Return what tells the sender its bounds, by draft-ietf-httpapi-ratelimit-headers (structured fields)."""
        policies = [f'"requests";q={self._requests_per_s};w=1']
        left = [self._left("requests", self._requests, account, self._requests_per_s, now_s)]
        if (rate := account.rate_per_s) is not None:
            policies.append(f'"events";q={rate};w=1;qu="events"')
            left.append(self._left("events", self._events, account, rate, now_s))
        return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}

    @staticmethod
    def _left(name: str, owed: DuePayments, account: Account, per_s: int, now_s: float) -> str:
        wait_s = owed.wait_s(account.id, per_s, now_s)
        return f'"{name}";r={owed.left(account.id, per_s, now_s)};t={max(1, ceil(wait_s))}'
