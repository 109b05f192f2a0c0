"""Ids of a platform's own may look like a card or a telephone number: the event is taken all the same."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from avenue.simulator.signers.meituan import waimai_sig
from avenue.simulator.signers.sunmi import receipt_sign
from producers.validation.validator import AcceptedEvent
from registry.directory import Directory
from runtime.clock import ManualClock
from tests.support.adapter_signing import NOW_MS
from tests.support.factories import REGISTRY
from tests.support.fake_gateway import JudgedRequest, JudgingRoad

SECONDS = str(NOW_MS // 1000)
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def road() -> JudgingRoad:
    return JudgingRoad(REGISTRY, ManualClock(NOW_MS))


def push(road: JudgingRoad, path: str, parameters: dict[str, str]) -> Any:
    """Push a form; return what the one message in it was judged to be."""
    status, _ = road.answer(JudgedRequest("POST", path, "", FORM, urlencode(parameters).encode()))
    assert status == 200
    (judgement,) = road.judged[-1]
    return judgement


def order(road: JudgingRoad, order_id: str) -> Any:
    path = "/in/meituan-main/waimai-order-paid"
    said = {"app_id": "4001", "app_poi_code": "S001", "order_id": order_id, "status": "2", "total": "20.5"}
    said |= {"utime": SECONDS, "timestamp": SECONDS}
    public_url = Directory(registry=REGISTRY).accounts["meituan-main"].public_url or ""
    return push(road, path, said | {"sig": waimai_sig("mt_test_secret", public_url + path, said)})


def receipt(road: JudgingRoad, **changes: Any) -> Any:
    payload = {"id": "t-1", "sn": "N302TEST", "order_id": "T-1", "order_time": "2026-11-22 10:00:00", "seq": 7}
    payload |= {"order_received_amount": "20", "receipt_type": 1, **changes}
    said = {"app_id": "A", "event": "6004", "payload": json.dumps(payload), "shop_id": "1", "timestamp": SECONDS}
    return push(road, "/in/sunmi-main/receipt", said | {"sign": receipt_sign("sunmi_test_appkey", said)})


@pytest.mark.parametrize("first", [28_980_000_000_000_001, 40_000_000_000_000_000, 62_000_000_000_000_000])
def test_a_hundred_orders_on_end_are_all_taken(road: JudgingRoad, first: int) -> None:
    judged = [order(road, str(first + n)) for n in range(100)]

    assert [type(judgement) for judgement in judged] == [AcceptedEvent] * 100


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": "13800138000"},
        {"seq": 13_800_138_000},
        {"order_id": "13800138000"},
        {"id": "13800138000", "order_id": None},
        {"order_id": "6222020200112233445"},
    ],
)
def test_a_receipt_is_taken_whatever_its_numbers_look_like(road: JudgingRoad, changes: dict[str, Any]) -> None:
    judged = receipt(road, **changes)

    assert isinstance(judged, AcceptedEvent), judged
    assert b"13800138000" not in judged.line
