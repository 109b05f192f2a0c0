"""Every adapter keeps the adapters' promises."""

import json
from typing import Any, ClassVar

from producers.adapters.base import MappedMessage, MappingContext, RefusedPush
from tests.support.adapter_contract import UNREADABLE, AdapterContract
from tests.support.adapter_signing import (
    NOW_MS,
    WHSEC_1,
    WHSEC_2,
    Sent,
    bilibili,
    callback,
    callback_headers,
    callback_rsa,
    douyin_webhook,
    life_spi,
    live,
    public_pem,
    receipt,
    service,
    standard_webhook,
    trade,
    waimai,
)

NOW_S = NOW_MS // 1000
# A parameter that was cut within a character is one field's fault; a JSON body is UTF-8 or no JSON.
UNREADABLE_IN_FORMS = tuple(raw for raw in UNREADABLE if b"\xff" not in raw)


def as_json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def as_params(content: dict[str, Any]) -> dict[str, str | bytes]:
    """Spell *content* as form values: objects as JSON text."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in content.items()}


class DouyinWebhookContract(AdapterContract):
    platform = "douyin"
    flow = "webhook"
    positive = (200, b'{"err_no":0,"err_tips":"success","data":{"error_code":0,"description":"success"}}')
    negative = (503, b'{"err_no":1,"err_tips":"try again","data":{"error_code":100,"description":"try again"}}')
    signs_time = False

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return douyin_webhook(as_json(content), secret, **{"Msg-Id": "m-1"})

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return douyin_webhook(raw, secret)


class TestDouyinOrder(DouyinWebhookContract):
    kind = "order.paid"

    def content(self) -> dict[str, Any]:
        order = {"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time": NOW_S, "buyer": "张三"}
        content = {"action": "pay_success", "msg_time": NOW_S, "order": order, "phone": "13800138000"}
        return {"event": "life_trade_order_notify", "client_key": "aw1", "content": content, "name": "Zhang San"}


class TestDouyinMessage(DouyinWebhookContract):
    kind = "interaction"

    def content(self) -> dict[str, Any]:
        content = {"create_time": NOW_MS, "text": "come at eight", "user_infos": [{"nick_name": "张三"}]}
        return {"event": "im_receive_msg", "client_key": "aw1", "from_user_id": "open-1", "content": content}


class TestDouyinConsent(DouyinWebhookContract):
    kind = "consent.withdrawn"

    def content(self) -> dict[str, Any]:
        return {"event": "unauthorize", "client_key": "aw1", "from_user_id": "open-1", "content": {"name": "张三"}}


class TestDouyinLifeSpi(AdapterContract):
    platform = "douyin"
    flow = "life-spi"
    kind = "order.paid"
    positive = (200, b'{"data":{"error_code":0,"description":"success"}}')
    negative = (200, b'{"data":{"error_code":100,"description":"try again"}}')

    def content(self) -> dict[str, Any]:
        order = {"order_id": "8001", "account_id": "7001", "pay_amount": 1990, "pay_time_unix": NOW_S}
        return {**order, "buyer": {"name": "张三", "phone": "13800138000"}, "address": "上海市长宁区"}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return life_spi(as_json(content), secret, at_ms)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return life_spi(raw, secret)


class TestDouyinLive(AdapterContract):
    platform = "douyin"
    flow = "live"
    envelope = b"[%b]"
    kind = "interaction"
    positive = (200, b'{"err_no":0,"err_tips":"success"}')
    negative = (503, b'{"err_no":1,"err_tips":"try again"}')

    def content(self) -> dict[str, Any]:
        return {
            "msg_id": "m-1",
            "sec_openid": "open-1",
            "timestamp": NOW_MS,
            "content": "come at eight",
            "nickname": "张三",
            "avatar_url": "https://p/Zhang San",
        }

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return live(as_json([content]), secret, at_ms)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return live(raw, secret)


class TestDouyinTrade(AdapterContract):
    platform = "douyin"
    flow = "trade"
    positive = (200, b'{"err_no":0,"err_tips":"success"}')
    negative = (503, b'{"err_no":1,"err_tips":"try again"}')
    signing = ("one", "two")

    def secrets(self) -> tuple[bytes, bytes]:
        return public_pem("one"), public_pem("two")

    def content(self) -> dict[str, Any]:
        return {
            "version": "3.0",
            "type": "payment",
            "msg": {"order_id": "O-1", "buyer": "张三", "phone": "13800138000"},
        }

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return trade(as_json(content), secret, at_ms)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return trade(raw, secret)

    def sent_with_empty_secret(self) -> Sent:
        return self.sent(self.content(), "one")


class TestBilibiliVideo(AdapterContract):
    platform = "bilibili"
    flow = "webhook"
    kind = "content.published"
    positive = (200, b"{}")
    negative = (503, b"{}")
    signs_time = False

    def content(self) -> dict[str, Any]:
        content = {
            "openid": "open-1",
            "client_id": "c-1",
            "resource_id": "BV1",
            "state": 0,
            "title": "张三 13800138000",
        }
        return {"event": "video_open", "content": content, "timestamp": "2026-11-22 10:00:00"}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return bilibili(as_json(content), secret)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return bilibili(raw, secret)


class TestBilibiliConsent(TestBilibiliVideo):
    kind = "consent.withdrawn"

    def content(self) -> dict[str, Any]:
        content = {"openid": "open-1", "client_id": "c-1", "name": "Zhang San"}
        return {"event": "deauthorize", "content": content, "timestamp": "2026-11-22 10:00:00"}


class TestBilibiliLive(AdapterContract):
    platform = "bilibili"
    flow = "live"
    envelope = b'{"messages":[%b]}'
    kind = "interaction"
    positive = (200, b"{}")
    negative = (503, b"{}")
    signing = (WHSEC_1, WHSEC_2)
    window_s = 300

    def content(self) -> dict[str, Any]:
        person = {"uid": 0, "open_id": "open-1", "uname": "张三", "uface": "https://p/Zhang San"}
        said = {"msg": "come at eight 13800138000", "reply_uname": "上海市长宁区"}
        data = {"room_id": 1000001, "msg_id": "m-1", "timestamp": NOW_S, **person, **said}
        return {"cmd": "LIVE_OPEN_PLATFORM_DM", "data": data}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return standard_webhook(as_json({"messages": [content]}), secret, at_ms)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return standard_webhook(raw, secret)


class TestBilibiliLiveStart(TestBilibiliLive):
    kind = "device.online"

    def content(self) -> dict[str, Any]:
        data = {"room_id": 1000001, "open_id": "open-1", "timestamp": NOW_S, "title": "张三", "area_name": "Zhang San"}
        return {"cmd": "LIVE_OPEN_PLATFORM_LIVE_START", "data": data}


class TestMeituanWaimai(AdapterContract):
    platform = "meituan"
    flow = "waimai-order-paid"
    kind = "order.paid"
    positive = (200, b'{"data":"ok"}')
    negative = (503, b'{"code":703,"message":"try again"}')
    # A remark voids nothing, since it is never kept; a remark that comes twice says not which was meant.
    unreadable: ClassVar[tuple[bytes, ...]] = (b"came twice",)

    def content(self) -> dict[str, Any]:
        return {
            "app_id": "4001",
            "app_poi_code": "S001",
            "order_id": "28980000000000001",
            "status": "2",
            "total": "20.5",
            "utime": str(NOW_S),
            "recipient_name": "张三(先生)",
            "recipient_phone": "13800138000",
            "recipient_address": "上海市长宁区 1 号",
            "caution": "come at eight & 100%",
            "timestamp": str(NOW_S),
        }

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        fresh = {"timestamp": str(at_ms // 1000)}
        return waimai(as_params(content) | fresh, secret, self.flow)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        twice = {"caution": raw} if raw in self.unreadable else {}
        return waimai(as_params(self.content()) | {"caution": raw}, secret, self.flow, twice=twice)


class TestMeituanWaimaiByGet(TestMeituanWaimai):
    flow = "waimai-order-cancelled"
    kind = "use.completed"
    unreadable: ClassVar[tuple[bytes, ...]] = ()  # what is kept of a GET is its query; see the unit tests

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        fresh = {"timestamp": str(at_ms // 1000)}
        return waimai(as_params(content) | fresh, secret, self.flow, "GET")

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return waimai(as_params(self.content()) | {"caution": raw}, secret, self.flow, "GET")


class TestMeituanService(AdapterContract):
    platform = "meituan"
    flow = "service"
    kind = "order.paid"
    positive = (200, b'{"code":0,"message":"success"}')
    negative = (503, b'{"code":703,"message":"try again"}')
    account_fields: ClassVar[dict[str, Any]] = {"message_types": {"580001": "order.paid"}}
    unreadable: ClassVar[tuple[bytes, ...]] = UNREADABLE_IN_FORMS

    def content(self) -> dict[str, Any]:
        return {
            "developerId": "1",
            "businessId": "58",
            "opBizCode": "op-1",
            "ePoiId": "e-1",
            "msgType": "580001",
            "msgId": "9001",
            "timestamp": str(NOW_S),
            "message": {"orderId": "T1", "amount": 1990, "userName": "张三", "phone": "13800138000"},
        }

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return service(as_params(content) | {"timestamp": str(at_ms // 1000)}, secret)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return service(as_params(self.content()) | {"message": raw}, secret)


class TestAihuishou(AdapterContract):
    platform = "aihuishou"
    flow = "webhook"
    kind = "trade_in.completed"
    positive = (200, b"{}")
    negative = (503, b"{}")
    signing = (WHSEC_1, WHSEC_2)
    window_s = 300

    def content(self) -> dict[str, Any]:
        data = {"order_no": "R1", "status": "completed", "amount_fen": 125000, "store_id": "store-12"}
        person = {"seller": "Zhang San", "phone": "13800138000", "address": "上海市长宁区"}
        return {"type": "recycle.order.status_changed", "timestamp": "2026-11-22T02:00:00Z", "data": data | person}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return standard_webhook(as_json(content), secret, at_ms)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return standard_webhook(raw, secret)


class TestSunmiOnline(AdapterContract):
    platform = "sunmi"
    flow = "callback"
    kind = "device.online"
    positive = (200, b"SUCCESS")
    negative = (500, b"FAIL")

    def content(self) -> dict[str, Any]:
        return {"sn": "N301", "report_type": 4, "device_online_data": {"action": 1, "update_at": NOW_S, "by": "张三"}}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return callback(as_json(content), secret, callback_headers(at_ms))

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return callback(raw, secret)

    def redelivered(self) -> Sent:
        """Timestamp and nonce are the message's, not the attempt's."""
        return self.sent(self.content(), self.signing[0])


class TestSunmiReport(TestSunmiOnline):
    kind = "device.reported"

    def content(self) -> dict[str, Any]:
        timing = {
            "wifi_password": "hunter2-wifi",
            "imsi": "460001234567890",
            "iccid": "89860012345678901234",
            "boot_mac": "aa:bb:cc:dd:ee:ff",
            "lat": 31.22,
            "lng": 121.42,
            "model": "NT311",
            "printed_kilometre": 12,
            "print_head_broken_count": "3",
        }
        return {"sn": "N301", "report_type": 3, "device_timing_data": timing}

    def test_counters_and_model_become_attributes_and_nothing_else_does(self) -> None:
        (message,) = self.messages(self.push(self.sent(self.content(), self.signing[0])))

        assert isinstance(message, MappedMessage)
        assert message.fields["attributes"] == {"model": "NT311", "printed_kilometre": 12, "print_head_broken_count": 3}
        assert all(text not in str(message) for text in ("8986", "aa:bb", "31.22", "121.42"))


class TestSunmiCallbackRsa(TestSunmiOnline):
    signing = ("one", "two")

    def secrets(self) -> tuple[bytes, bytes]:
        return public_pem("one"), public_pem("two")

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return callback_rsa(as_json(content), secret)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        return callback_rsa(raw, secret)

    def sent_with_empty_secret(self) -> Sent:
        return self.sent(self.content(), "one")

    def test_an_hmac_keyed_with_the_public_key_is_refused(self) -> None:
        sent = callback(as_json(self.content()), public_pem("one"))

        assert isinstance(self.adapter().adapt(self.push(sent)), RefusedPush)


class TestSunmiReceipt(AdapterContract):
    platform = "sunmi"
    flow = "receipt"
    kind = "order.paid"
    positive = (200, b"SUCCESS")
    negative = (500, b"FAIL")
    unreadable: ClassVar[tuple[bytes, ...]] = UNREADABLE_IN_FORMS

    def content(self) -> dict[str, Any]:
        payload = {
            "id": "t-1",
            "sn": "N302",
            "order_id": "T-1",
            "order_time": "2026-11-22 10:00:00",
            "order_received_amount": "20.50",
            "sales_detail_list": [{"item": "张三 13800138000", "barcode": "6901234567892"}],
            "cashier": "Zhang San",
        }
        return {"app_id": "A", "event": "6003", "payload": payload, "random": "NDL8GXR", "shop_id": "29203"}

    def sent(self, content: Any, secret: Any, at_ms: int = NOW_MS) -> Sent:
        return receipt(as_params(content) | {"timestamp": str(at_ms // 1000)}, secret)

    def sent_raw(self, raw: bytes, secret: Any) -> Sent:
        fixed: dict[str, str | bytes] = {"payload": raw, "timestamp": str(NOW_S)}
        return receipt(as_params(self.content()) | fixed, secret)


def test_a_kept_reject_maps_once_its_message_type_is_agreed() -> None:
    contract = TestMeituanService()
    unknown = contract.content() | {"msgType": "590000"}
    push = contract.push(contract.sent(unknown, contract.signing[0]))
    (kept,) = contract.messages(push)

    agreed = push.account.model_copy(update={"message_types": {"590000": "order.refunded"}})
    again = contract.adapter().interpret(kept.payload, MappingContext(agreed, push.flow, push.received_ms))

    assert isinstance(again, MappedMessage)
    assert again.fields["kind"] == "order.refunded"
