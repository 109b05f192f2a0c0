"""A home folder on a full disk: the parent says so once, stays, and brings its children back when there is room."""

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from avenue.embedded.process import alive
from tests.support.small_disks import SmallDisk, fill
from tests.support.stack import BATCH_ACCOUNT, MakeStack, Stack
from tests.support.waiting import let_pass, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.xdist_group("disks")]

HOME_MB = 700
TOLD_S = 60.0
# Many times the patience with a child that fails for another cause.
FULL_FOR_S = 10.0
IMPATIENT_PARENT = {"AVENUE_STACK__RESTARTS": "1", "AVENUE_STACK__BACKOFF_S": "0.2"}
BACK_S = 120.0
NO_ROOM = "it is started again when there is room"
NOT_NOTED = "the home folder takes nothing"


def pushed(stack: Stack, key: str, count: int) -> list[str]:
    """Push *count* events until they are accepted; return their ids."""
    ids = [f"disk-{uuid.uuid4().hex}" for _ in range(count)]
    events = [
        {
            "event_id": event_id,
            "kind": "interaction",
            "occurred_at": datetime.now(UTC).isoformat(),
            "product_id": "neuro-band",
        }
        for event_id in ids
    ]

    def taken() -> bool:
        headers = {"authorization": f"Bearer {key}"}
        try:
            answer = httpx.post(f"{stack.url}/v1/events", json=events, headers=headers, trust_env=False, timeout=30)
        except httpx.TransportError:
            return False  # it is being started anew
        return answer.status_code == 200 and answer.json()["rejected"] == 0

    wait_until(taken, BACK_S, "no push is taken")
    return ids


def seen(stack: Stack) -> int:
    """Return how many of these events can be read, -1 where nobody answers."""
    try:
        return stack.number("SELECT count() FROM events WHERE startsWith(event_id, 'disk-')")
    except (AssertionError, httpx.TransportError):
        return -1


def test_the_parent_outlives_a_full_disk_and_brings_everything_back_when_there_is_room(
    small_disk: SmallDisk, make_stack: MakeStack
) -> None:
    stack = make_stack(started=False, **IMPATIENT_PARENT)
    small_disk(stack.home, HOME_MB)
    stack.start()
    key = stack.pushing_key(BATCH_ACCOUNT)
    before = pushed(stack, key, 50)
    wait_until(lambda: seen(stack) == len(before), TOLD_S, "the events are not seen")

    ballast = fill(stack.home)
    full_at = time.monotonic()
    for name in ("worker", "kafka"):
        stack.kill(name)
    wait_until(lambda: said(stack).count(NO_ROOM) >= 2, TOLD_S, "the parent does not say that the disk is full")
    let_pass(full_at + FULL_FOR_S - time.monotonic())
    assert alive(stack.pid)

    ballast.unlink()
    after = pushed(stack, key, 50)
    wait_until(lambda: seen(stack) == len(before) + len(after), BACK_S, "the events are not seen")
    wait_until(lambda: all(map(alive, stack.children().values())), TOLD_S, "the children are not noted")
    assert "Traceback" not in said(stack)
    assert said(stack).count(NOT_NOTED) <= 1


def said(stack: Stack) -> str:
    """Return what `avenue up` has said to its user."""
    return (Path(stack.home).parent / "up-1.err").read_text()


def test_a_start_on_a_full_disk_is_one_sentence(small_disk: SmallDisk, make_stack: MakeStack) -> None:
    stack = make_stack(started=False)
    small_disk(stack.home, 8)
    ballast = fill(stack.home)

    stack.begin()
    wait_until(lambda: not alive(stack.pid), TOLD_S, "it does not end")

    lines = said(stack).strip().splitlines()
    assert "no space left on device" in lines[-1]
    assert "Traceback" not in said(stack)
    ballast.unlink()
