"""Every native message the simulator can make: of which flow, placed by which keys, how often."""

from dataclasses import dataclass
from typing import Literal

from avenue.simulator.messages import aihuishou, bilibili, bilibili_live, douyin, douyin_live, meituan, sunmi
from avenue.simulator.messages.base import BuildMessage


@dataclass(frozen=True, slots=True)
class MessageType:
    """One type of message."""

    platform: str
    flow: str
    """As in the registry's secrets."""
    on: tuple[str, ...]
    """Match keys the message carries; a placement must need no other. None at all: it is placed nowhere."""
    build: BuildMessage
    weight: float = 1.0
    time: Literal["told", "signed", "receipt"] = "told"
    """Where its time stands: in the content (may be days old), in what is signed (within the account's
    `max_age_s`), or nowhere."""
    consent: bool = False
    """Of a subject that nothing else is told of."""


MESSAGE_TYPES: tuple[MessageType, ...] = (
    MessageType("douyin", "webhook", ("account_id",), douyin.order_notify, 4),
    MessageType("douyin", "webhook", ("account_id",), douyin.voucher_redeemed, 1),
    MessageType("douyin", "webhook", ("client_key",), douyin.im_message, 3),
    MessageType("douyin", "webhook", ("client_key",), douyin.create_video, 1, "receipt"),
    MessageType("douyin", "webhook", ("client_key",), douyin.authorize, 0.5, "receipt", consent=True),
    MessageType("douyin", "webhook", ("client_key",), douyin.unauthorize, 0.2, "receipt", consent=True),
    MessageType("douyin", "life-spi", ("account_id",), douyin.life_spi, 2),
    MessageType("douyin", "live", ("room_id",), douyin_live.live, 2),
    MessageType("douyin", "trade", (), douyin_live.trade, 0.2, "receipt"),
    MessageType("bilibili", "webhook", ("client_id",), bilibili.video, 2),
    MessageType("bilibili", "webhook", ("client_id",), bilibili.authorize, 0.5, consent=True),
    MessageType("bilibili", "webhook", ("client_id",), bilibili.deauthorize, 0.2, consent=True),
    MessageType("bilibili", "live", ("room_id",), bilibili_live.live, 2),
    MessageType("meituan", "waimai", ("app_poi_code",), meituan.order_paid, 3),
    MessageType("meituan", "waimai", ("app_poi_code",), meituan.order_completed, 3),
    MessageType("meituan", "waimai", ("app_poi_code",), meituan.order_cancelled, 0.5),
    MessageType("meituan", "waimai", ("app_poi_code",), meituan.order_refunded, 0.3),
    MessageType("meituan", "service", ("opBizCode", "ePoiId"), meituan.service, 2, "signed"),
    MessageType("aihuishou", "webhook", ("store_id",), aihuishou.status_changed, 2),
    MessageType("sunmi", "callback", ("sn",), sunmi.online, 2),
    MessageType("sunmi", "callback", ("sn",), sunmi.report, 1, "receipt"),
    MessageType("sunmi", "receipt", ("sn", "shop_id"), sunmi.receipt, 4),
    MessageType("sunmi", "receipt", ("sn", "shop_id"), sunmi.refund_slip, 0.2),
)

# Under a right signature, and no event.
FLAWED: dict[tuple[str, str], tuple[BuildMessage, ...]] = {
    ("douyin", "webhook"): (douyin.unmapped_webhook, douyin.broken_webhook),
    ("douyin", "life-spi"): (douyin.unmapped_call,),
    ("douyin", "live"): (douyin_live.unmapped_live,),
    ("bilibili", "webhook"): (bilibili.unmapped, bilibili.broken),
    ("bilibili", "live"): (bilibili_live.unmapped_live,),
    ("meituan", "waimai"): (meituan.unmapped_waimai,),
    ("meituan", "service"): (meituan.unmapped_service,),
    ("aihuishou", "webhook"): (aihuishou.unmapped, aihuishou.broken),
    ("sunmi", "callback"): (sunmi.unmapped_callback, sunmi.broken_callback),
    ("sunmi", "receipt"): (sunmi.unmapped_receipt,),
}

# The same order comes once more, by another road or on another print; it is one event.
TWINS: dict[BuildMessage, tuple[str, BuildMessage]] = {
    douyin.order_notify: ("life-spi", douyin.life_spi),
    sunmi.receipt: ("receipt", sunmi.reprint),
}

# A refund that names no sum, of an order that came before it.
REFUNDS: dict[BuildMessage, tuple[str, BuildMessage]] = {
    douyin.order_notify: ("webhook", douyin.order_refunded),
    douyin.life_spi: ("webhook", douyin.order_refunded),
    meituan.order_paid: ("waimai", meituan.whole_refund),
}

# By flow and the name that the partners' pages give it: every published message that is more than a check of the
# address.
PUBLISHED: dict[tuple[str, str], dict[str, BuildMessage]] = {
    ("douyin", "webhook"): {
        "life_trade_order_notify pay_success": douyin.order_notify,
        "life_trade_certificate_notify verify": douyin.voucher_redeemed,
        "life_trade_certificate_notify refund_success": douyin.order_refunded,
        **douyin.ACTS,
        "create_video": douyin.create_video,
        "authorize": douyin.authorize,
        "unauthorize": douyin.unauthorize,
        **douyin.UNMAPPED_WEBHOOKS,
    },
    ("douyin", "life-spi"): {"call with pay_amount": douyin.life_spi, **douyin.UNMAPPED_CALLS},
    ("douyin", "live"): {**douyin_live.LIVE, **douyin_live.UNMAPPED_LIVE},
    ("douyin", "trade"): {**douyin_live.UNMAPPED_TRADE},
    ("bilibili", "webhook"): {
        "authorize": bilibili.authorize,
        "deauthorize": bilibili.deauthorize,
        "video_open": bilibili.video_open,
        "video_fail": bilibili.video_fail,
    },
    ("bilibili", "live"): {**bilibili_live.LIVE, **bilibili_live.SIGNS_OF_LIFE, **bilibili_live.UNMAPPED},
    ("meituan", "waimai"): {
        "order-paid": meituan.order_paid,
        "order-completed": meituan.order_completed,
        "order-cancelled": meituan.order_cancelled,
        "order-refunded notify_type=agree with money": meituan.order_refunded,
        "order-refunded notify_type=agree": meituan.full_refund,
        **meituan.AGREED_STATES,
        **meituan.UNMAPPED_WAIMAI,
    },
    ("meituan", "service"): {
        "msgType of message_types, message.amount": meituan.service_amount,
        "msgType of message_types, bizData.item.money": meituan.service_item,
        "another msgType": meituan.unmapped_service,
    },
    ("aihuishou", "webhook"): {
        "recycle.order.status_changed quoted": aihuishou.quoted,
        "recycle.order.status_changed completed": aihuishou.completed,
        "recycle.order.status_changed, another status": aihuishou.moved_on,
    },
    ("sunmi", "callback"): {
        **{f"report_type={number}": sunmi.report_of(number) for number in (1, 2, 3)},
        "report_type=4 action=1": sunmi.came_online,
        "report_type=4 action=2": sunmi.went_offline,
    },
    ("sunmi", "receipt"): {
        "6003": sunmi.parsed_receipt,
        "6004 receipt_type=1": sunmi.sale,
        "6004 receipt_type=2": sunmi.refund_slip,
        **sunmi.UNMAPPED_RECEIPTS,
    },
}
