"""Test events of an account: the port to the gateway that sends them down the road."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from reports.queries.account_model import HopName
from schemas.road_check import RoadAnswer

RoadLook = Callable[[str, str], Awaitable[Mapping[HopName, int | None]]]
"""Tells of an account's delivery how many milliseconds after its receipt each step had all of it."""


class NobodyChecksError(Exception):
    """No gateway is beside this process."""


class RoadCheckRefusedError(Exception):
    """No test event was taken, and why; *busy*: another is under way, or the account is to come later."""

    def __init__(self, why: str, *, busy: bool) -> None:
        super().__init__(why)
        self.busy = busy


class RoadChecker(Protocol):
    """A gateway that sends test events."""

    async def check(self, account_id: str, look: RoadLook) -> RoadAnswer:
        """Send a test event of the account and watch it by *look*, for a bounded time.

        Raises `RoadCheckRefusedError`.
        """
        ...
