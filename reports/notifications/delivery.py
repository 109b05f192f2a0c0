"""One message to one address: which platform it is, tries, and what came of it."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from registry.channel_address import scheme_of
from reports.notifications.platforms import (
    ChannelMessage,
    ChannelPlatform,
    DingTalkBot,
    FeishuBot,
    MailBox,
    NotDeliveredError,
    SignedWebhook,
    WeComBot,
)
from runtime.errors import ConfigurationError
from runtime.retries import doubling
from runtime.settings import NotificationSettings

Platform = Literal["feishu", "dingtalk", "wecom", "mail", "webhook"]

_BY_SCHEME: Mapping[str, tuple[Platform, type[Any]]] = {
    "feishu": ("feishu", FeishuBot),
    "dingtalk": ("dingtalk", DingTalkBot),
    "wecombot": ("wecom", WeComBot),
    "mailto": ("mail", MailBox),
    "mailtos": ("mail", MailBox),
    "json": ("webhook", SignedWebhook),
    "jsons": ("webhook", SignedWebhook),
}


class Deliverer(Protocol):
    """What takes a message to an address."""

    def __call__(self, address: str, message: ChannelMessage) -> None:
        """Deliver *message*. Raises `NotDeliveredError` where that surely failed, else `MaybeDeliveredError`."""
        ...


def platform_of(address: str) -> Platform | None:
    """Return the platform of *address*, None where it is none of the known."""
    found = _BY_SCHEME.get(scheme_of(address))
    return found[0] if found else None


def deliver(address: str, message: ChannelMessage, settings: NotificationSettings) -> None:
    """Send *message* to *address*, again where it surely did not arrive; what is unknown is not tried again.

    Raises `NotDeliveredError`, `MaybeDeliveredError`; neither holds anything of the address.
    """
    platform = _platform(address)
    tries = Retrying(
        retry=retry_if_exception_type(NotDeliveredError),
        stop=stop_after_attempt(settings.tries),
        wait=doubling(settings.retry_s, settings.timeout_s),
        reraise=True,
    )
    tries(platform.deliver, message, settings.timeout_s)


def _platform(address: str) -> ChannelPlatform:
    known = _BY_SCHEME.get(scheme_of(address))
    if known is None:
        raise NotDeliveredError("the address is of no platform that is known here")
    try:
        platform: ChannelPlatform = known[1].at(address)
    except ConfigurationError as error:
        # Of the signing secret; its words hold none of it.
        raise NotDeliveredError(str(error)) from None
    except (TypeError, ValueError):
        # apprise's own words repeat the token.
        raise NotDeliveredError("the address cannot be read: a token, key or host in it has the wrong form") from None
    return platform
