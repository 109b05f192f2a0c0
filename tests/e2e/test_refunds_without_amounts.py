"""Refunds that name no amount, as a platform pushes them: each lowers revenue by what its order has left, once."""

import itertools
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from avenue.simulator.signers.meituan import waimai_sig
from registry.file import load_registry
from tests.support.stack import MakeStack, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

ACCOUNT, SECRET, SHOP = "meituan-main", "mt_demo_secret", "S-DEMO-060"
STORED_S = 60.0
ANSWER_S = 60.0
FIRST_ORDER = 28980000000000001


@dataclass(frozen=True)
class Shop:
    """A shop of the platform's, whose notices go to *stack*."""

    stack: Stack
    public_url: str

    def notice(self, kind: str, order_id: int, **more: str) -> None:
        """Push a signed notice, again until it has the platform's positive answer, as the platform does."""
        seconds = str(int(time.time()) - 5)
        said = {"app_id": "4001", "app_poi_code": SHOP, "timestamp": seconds, "order_id": str(order_id), **more}
        path = f"/in/{ACCOUNT}/waimai-{kind}"
        said["sig"] = waimai_sig(SECRET, self.public_url.rstrip("/") + path, said)
        wait_until(lambda: self._is_taken(path, said), ANSWER_S, f"no positive answer to {kind}")

    def _is_taken(self, path: str, said: dict[str, str]) -> bool:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            answer = httpx.post(
                self.stack.url + path, content=urlencode(said), headers=headers, trust_env=False, timeout=10
            )
        except httpx.TransportError:
            return False
        assert answer.status_code in {200, 503}, answer.text
        return answer.text == '{"data":"ok"}'

    def paid(self, order_id: int, yuan: str) -> None:
        self.notice("order-paid", order_id, status="2", total=yuan, utime=str(int(time.time()) - 60))

    def partly_refunded(self, order_id: int, yuan: str) -> None:
        self.notice("order-refunded", order_id, notify_type="agree", money=yuan, utime=str(int(time.time()) - 30))

    def refunded(self, order_id: int) -> dict[str, str]:
        """Push that the whole order is given back: without a sum; return what was said."""
        said = {"notify_type": "agree", "res_type": "2", "refund_id": f"5{order_id}", "ctime": str(int(time.time()))}
        self.notice("order-refunded", order_id, **said)
        return said

    def stored(self) -> list[tuple[str, int]]:
        """Return kind and amount of its stored events of money."""
        rows = self.stack.rows("SELECT kind, amount_fen FROM events WHERE kind LIKE 'order.%'")
        return sorted((row["kind"], int(row["amount_fen"])) for row in rows)

    def rejects(self) -> list[dict[str, Any]]:
        return self.stack.rows("SELECT reason, field, replayed_at IS NOT NULL AS replayed FROM rejects")


@pytest.fixture
def shop(make_stack: MakeStack) -> Shop:
    stack = make_stack()
    (account,) = [found for found in load_registry(stack.registry).accounts if found.id == ACCOUNT]
    return Shop(stack, account.public_url or "")


def test_refunds_without_amounts_give_back_what_their_orders_have_left_in_either_order(shop: Shop) -> None:
    later, earlier, partly, never = itertools.islice(itertools.count(FIRST_ORDER), 4)
    shop.paid(later, "20.5")
    shop.refunded(later)
    said = shop.refunded(earlier)
    shop.refunded(never)
    shop.paid(partly, "30")
    shop.partly_refunded(partly, "4.99")
    wait_until(lambda: len(shop.rejects()) == 2, STORED_S, "the refunds without orders were not kept")
    shop.stack.kill("server")  # the gateway too: what it knows of orders is on the topic
    shop.paid(earlier, "12.34")
    shop.refunded(partly)

    paid = [("order.paid", fen) for fen in (1234, 2050, 3000)]
    refunded = [("order.refunded", fen) for fen in (499, 1234, 2050, 2501)]
    wait_until(lambda: shop.stored() == paid + refunded, STORED_S, f"not all were counted: {shop.stored()}")
    wait_until(lambda: sum(row["replayed"] for row in shop.rejects()) == 1, STORED_S, "the reject was not closed")
    shop.notice("order-refunded", earlier, **said)

    reconciled = shop.stack.reconcile()
    assert (reconciled["ok"], reconciled["differences"]) == (True, [])
    assert all(item["closed"] for item in reconciled["sums"])
    assert shop.stored() == paid + refunded
    assert [(row["reason"], row["field"]) for row in shop.rejects()] == [("unsupported_event", "amount_fen")] * 2
    replays = shop.stack.rows("SELECT accepted, duplicate, rejected, asked_by FROM pilot_deliveries FINAL WHERE replay")
    assert replays == [{"accepted": 1, "duplicate": 0, "rejected": 0, "asked_by": "order"}]
