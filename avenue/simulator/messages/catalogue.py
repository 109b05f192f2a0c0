"""Every native message the simulator can make: of which flow, placed by which keys, how often."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from avenue.simulator.messages import aihuishou, bilibili, douyin, meituan, sunmi
from avenue.simulator.messages.base import Message, Scene, Signer

Build = Callable[[Signer, Scene], Message]


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of message."""

    platform: str
    flow: str
    """As in the registry's secrets."""
    on: tuple[str, ...]
    """Match keys the message carries; a placement must need no other. None at all: it is placed nowhere."""
    build: Build
    weight: float = 1.0
    time: Literal["told", "signed", "receipt"] = "told"
    """Where its time stands: in the content (may be days old), in what is signed (within the account's
    `max_age_s`), or nowhere."""
    consent: bool = False
    """Of a subject that nothing else is told of."""


SORTS: tuple[Sort, ...] = (
    Sort("douyin", "webhook", ("account_id",), douyin.order_notify, 4),
    Sort("douyin", "webhook", ("client_key",), douyin.im_message, 3),
    Sort("douyin", "webhook", ("client_key",), douyin.create_video, 1, "receipt"),
    Sort("douyin", "webhook", ("client_key",), douyin.authorize, 0.5, "receipt", consent=True),
    Sort("douyin", "webhook", ("client_key",), douyin.unauthorize, 0.2, "receipt", consent=True),
    Sort("douyin", "life-spi", ("account_id",), douyin.life_spi, 2),
    Sort("douyin", "live", ("room_id",), douyin.live, 2),
    Sort("douyin", "trade", (), douyin.trade, 0.2, "receipt"),
    Sort("bilibili", "webhook", ("client_id",), bilibili.video, 2),
    Sort("bilibili", "webhook", ("client_id",), bilibili.authorize, 0.5, consent=True),
    Sort("bilibili", "webhook", ("client_id",), bilibili.deauthorize, 0.2, consent=True),
    Sort("meituan", "waimai", ("app_poi_code",), meituan.order_paid, 3),
    Sort("meituan", "waimai", ("app_poi_code",), meituan.order_completed, 3),
    Sort("meituan", "waimai", ("app_poi_code",), meituan.order_cancelled, 0.5),
    Sort("meituan", "waimai", ("app_poi_code",), meituan.order_refunded, 0.3),
    Sort("meituan", "service", ("opBizCode", "ePoiId"), meituan.service, 2, "signed"),
    Sort("aihuishou", "webhook", ("store_id",), aihuishou.status_changed, 2),
    Sort("sunmi", "callback", ("sn",), sunmi.online, 2),
    Sort("sunmi", "callback", ("sn",), sunmi.report, 1, "receipt"),
    Sort("sunmi", "receipt", ("sn", "shop_id"), sunmi.receipt, 4),
)

# Under a right signature, and no event.
FLAWED: dict[tuple[str, str], tuple[Build, ...]] = {
    ("douyin", "webhook"): (douyin.unmapped_webhook, douyin.broken_webhook),
    ("bilibili", "webhook"): (bilibili.unmapped, bilibili.broken),
    ("meituan", "waimai"): (meituan.refund_applied,),
    ("meituan", "service"): (meituan.unmapped_service,),
    ("aihuishou", "webhook"): (aihuishou.unmapped, aihuishou.broken),
    ("sunmi", "callback"): (sunmi.unmapped_callback, sunmi.broken_callback),
    ("sunmi", "receipt"): (sunmi.unmapped_receipt,),
}

# The same paid order comes by both roads; it is one event.
TWINS: dict[Build, tuple[str, Build]] = {douyin.order_notify: ("life-spi", douyin.life_spi)}
