"""A message without a time of its own, sent again after a crash: it comes with a later time and still counts once."""

import json
from typing import Any

import httpx
import pytest

from avenue.simulator.signers import douyin
from tests.support.fault_table import FaultLog
from tests.support.ledger_truth import assert_all_is_counted_once
from tests.support.stack import MakeStack, Stack
from tests.support.under_load import NUMBERS_S, PATIENT_PARENT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.xdist_group("repeats")]

SECRET = b"dy_demo_secret"
MESSAGE: dict[str, Any] = {
    "event": "authorize",
    "client_key": "aw_demo_0088",
    "from_user_id": "open-id-1",
    "to_user_id": "",
    "content": {},
    "log_id": "sent-again",
}


def test_a_message_that_has_the_time_of_its_receipt_counts_once_when_it_comes_again(
    make_stack: MakeStack, faults: FaultLog
) -> None:
    stack = make_stack(**PATIENT_PARENT)
    push(stack)
    wait_until(lambda: shown(stack) == 1, NUMBERS_S, "not in the numbers")

    # The gateway's window is gone with its process: it publishes the message once more, received later.
    stack.kill("server")
    push(stack)

    wait_until(lambda: lines(stack) == 2, NUMBERS_S, "the second line did not come")
    wait_until(lambda: stack.number("SELECT count() AS rows FROM events") == 1, NUMBERS_S, "not told to be a repeat")
    faults.note("a message without a time sent again after kill -9 server")
    assert shown(stack) == 1
    assert_all_is_counted_once(stack)


def push(stack: Stack) -> None:
    """Send the message until it is answered as Douyin expects."""
    body = json.dumps(MESSAGE).encode()
    headers = {"X-Douyin-Signature": douyin.webhook_signature(SECRET, body), "Msg-Id": "msg-1"}

    def taken() -> bool:
        try:
            answer = httpx.post(
                f"{stack.url}/in/douyin-main/webhook", content=body, headers=headers, trust_env=False, timeout=10
            )
        except httpx.TransportError:
            return False  # being started anew
        return answer.status_code == 200

    wait_until(taken, NUMBERS_S, "the message was not taken")


def shown(stack: Stack) -> int:
    """Return how many events the numbers hold."""
    return stack.number("SELECT toString(sum(events)) AS seen FROM metrics_by_minute")


def lines(stack: Stack) -> int:
    """Return how many lines of events are on the log, as far as it was read."""
    return stack.number("SELECT toString(sum(lines)) AS read FROM log_records FINAL WHERE topic LIKE '%events%'")
