"""Which adapter reads which flow: the one place a new partner's flow is entered."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from producers.adapters.aihuishou_webhook import AihuishouWebhook
from producers.adapters.base import Adapter
from producers.adapters.bilibili_live import BilibiliLive
from producers.adapters.bilibili_webhook import BilibiliWebhook
from producers.adapters.douyin_life_spi import DouyinLifeSpi
from producers.adapters.douyin_live import DouyinLive
from producers.adapters.douyin_trade import DouyinTrade
from producers.adapters.douyin_webhook import DouyinWebhook
from producers.adapters.meituan_service import MeituanService
from producers.adapters.meituan_waimai import MeituanWaimai
from producers.adapters.sunmi_callback import SunmiCallback
from producers.adapters.sunmi_receipt import SunmiReceipt

ADAPTERS: tuple[Adapter, ...] = (
    DouyinWebhook(),
    DouyinLifeSpi(),
    DouyinLive(),
    DouyinTrade(),
    BilibiliWebhook(),
    BilibiliLive(),
    MeituanWaimai(),
    MeituanService(),
    AihuishouWebhook(),
    SunmiCallback(),
    SunmiReceipt(),
)
_BY_SECRET: Mapping[tuple[str, str], Adapter] = MappingProxyType({(a.platform, a.flow): a for a in ADAPTERS})
# The kind is told in rejects, so it must be no number of a person's.
_WAIMAI = re.compile(r"waimai-(?!.*[0-9]{5})[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")


def secret_flow(flow: str) -> str:
    """Return the name in the account's `secrets` for the flow of a URL: all `waimai-<kind>` share one."""
    return "waimai" if _WAIMAI.match(flow) else flow


def adapter_for(platform: str, flow: str) -> Adapter | None:
    """Return the adapter of the URL's *flow*, None where the platform has no such flow: a 404.

    Its `flow` is the name in the account's `secrets`, and of a closed set, so fit for a metric's label.
    """
    return None if flow == "waimai" else _BY_SECRET.get((platform, secret_flow(flow)))
