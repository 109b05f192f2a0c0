"""The platforms' ways of taking a message: `apprise` reads the address, and what is sent is as each platform publishes.

Kept by apprise are the grammar of an address and the making of a mail. Sent from here is what apprise 2.3 leaves out or
gets wrong (`findings/apprise-dingtalk.sh`): it has no signature for Feishu, encodes DingTalk's twice, and takes a
refusal with HTTP status 200 of DingTalk and WeCom for a success. No redirect is followed.
"""

import base64
import hashlib
import hmac
import json
import logging
import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
from apprise import NotifyFormat
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from registry.webhook_signing import secret_bytes, standard_headers
from runtime.errors import PipelineError

# What it logs holds tokens ("The Feishu token specified (…) is invalid"); what went wrong is said from here.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

BOT_BYTES = 19_000
"""Of a text: Feishu takes 20 KB a request, DingTalk 20,000 bytes."""
WECOM_BYTES = 2048
_SOME = "the mail server took the mail for some of its receivers only"
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}


class NotDeliveredError(PipelineError):
    """Surely not delivered: no connection, or a refusal. What it says holds nothing of the address."""


class MaybeDeliveredError(PipelineError):
    """Sent, and no answer came: nobody knows. What it says holds nothing of the address."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One message in one language, as all platforms get it."""

    message_id: str
    """The same over tries: a webhook's receiver may take it once."""
    kind: str
    channel_id: str
    trial_id: str
    """Empty for what is about several trials."""
    title: str
    body: str
    link: str
    now_ms: int

    def text(self, max_bytes: int) -> str:
        """Return title, body and link as plain text of at most *max_bytes*; what is too long loses its last lines."""
        lines = [self.title, *self.body.splitlines()]
        while len("\n".join((*lines, self.link)).encode()) > max_bytes and len(lines) > 1:
            lines = [*lines[:-2], "…"] if lines[-1] == "…" else [*lines[:-1], "…"]
        return "\n".join((*lines, self.link)).encode()[:max_bytes].decode(errors="ignore")


class ChannelPlatform(Protocol):
    """One address of one platform."""

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once. Raises `NotDeliveredError`, `MaybeDeliveredError`."""
        ...


@dataclass(frozen=True, slots=True)
class FeishuBot:
    r"""A group's custom bot. open.feishu.cn, "Custom bot usage guide": timestamp and sign stand in the body; the sign
    is the base64 of HMAC-SHA256 of nothing with the key `timestamp + "\n" + secret`, the timestamp in seconds; of a
    message that was taken the answer's code is 0.
    """

    address: str
    secret: str

    @classmethod
    def at(cls, address: str) -> ChannelPlatform:
        """Return the bot of `feishu://TOKEN?secret=SECRET`."""
        found = NotifyFeishu.parse_url(address)
        token = NotifyFeishu(**found).token
        return cls(str(NotifyFeishu.notify_url).format(token=token).rstrip("/"), _secret_in(found))

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once."""
        content: dict[str, Any] = {"msg_type": "text", "content": {"text": message.text(BOT_BYTES)}}
        if self.secret:
            timestamp = str(message.now_ms // 1000)
            content |= {"timestamp": timestamp, "sign": _sign(f"{timestamp}\n{self.secret}", "")}
        _taken(_post(self.address, _json(content), timeout_s), "code")


@dataclass(frozen=True, slots=True)
class DingTalkBot:
    r"""A group's custom bot. open.dingtalk.com, "Custom robot security settings": timestamp and sign stand in the
    query; the sign is the base64 of HMAC-SHA256 of `timestamp + "\n" + secret` with the secret as key, percent-encoded
    once, the timestamp in milliseconds; of a message that was taken the answer's errcode is 0.
    """

    address: str
    secret: str

    @classmethod
    def at(cls, address: str) -> ChannelPlatform:
        """Return the bot of `dingtalk://SECRET@TOKEN`."""
        plugin = NotifyDingTalk(**NotifyDingTalk.parse_url(address))
        return cls(str(NotifyDingTalk.notify_url).format(token=plugin.token), plugin.secret or "")

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once."""
        content = {"msgtype": "text", "text": {"content": message.text(BOT_BYTES)}}
        query: dict[str, str] = {}
        if self.secret:
            timestamp = str(message.now_ms)
            query = {"timestamp": timestamp, "sign": _sign(self.secret, f"{timestamp}\n{self.secret}")}
        _taken(_post(httpx.URL(self.address).copy_merge_params(query), _json(content), timeout_s), "errcode")


@dataclass(frozen=True, slots=True)
class WeComBot:
    """A group's bot. developer.work.weixin.qq.com, "Group bot configuration": the key in the query is all there is; a
    text holds at most 2,048 bytes; of a message that was taken the answer's errcode is 0.
    """

    address: str

    @classmethod
    def at(cls, address: str) -> ChannelPlatform:
        """Return the bot of `wecombot://KEY`."""
        return cls(NotifyWeComBot(**NotifyWeComBot.parse_url(address)).api_url)

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once."""
        content = {"msgtype": "text", "text": {"content": message.text(WECOM_BYTES)}}
        _taken(_post(self.address, _json(content), timeout_s), "errcode")


@dataclass(frozen=True, slots=True)
class SignedWebhook:
    """A plain webhook: type, timestamp and data as Standard Webhooks 1.0.0 recommends (standardwebhooks.com), signed by
    it where the address has a `?secret=whsec_…`; any 2xx means taken.
    """

    address: httpx.URL
    key: bytes | None
    headers: Mapping[str, str]
    sign_in: tuple[str, str] | None

    @classmethod
    def at(cls, address: str) -> ChannelPlatform:
        """Return the webhook of `jsons://HOST/PATH?secret=whsec_…`. Raises `ConfigurationError` for a wrong secret."""
        found = NotifyJSON.parse_url(address)
        plugin = NotifyJSON(**found)
        secret = _secret_in(found)
        host = f"{plugin.host}:{plugin.port}" if plugin.port else plugin.host
        return cls(
            httpx.URL(f"{'https' if plugin.secure else 'http'}://{host}{plugin.fullpath}").copy_merge_params(
                plugin.params
            ),
            secret_bytes(secret) if secret else None,
            plugin.headers,
            (plugin.user, plugin.password or "") if plugin.user else None,
        )

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once."""
        body = _json(
            {
                "type": message.kind,
                "timestamp": datetime.fromtimestamp(message.now_ms // 1000, UTC).isoformat(),
                "data": {
                    "channel_id": message.channel_id,
                    "trial_id": message.trial_id,
                    "title": message.title,
                    "message": message.body,
                    "link": message.link,
                },
            }
        )
        headers = dict(self.headers)
        if self.key is not None:
            headers |= standard_headers(self.key, message.message_id, message.now_ms, body)
        _post(self.address, body, timeout_s, headers=headers, sign_in=self.sign_in)


@dataclass(frozen=True, slots=True)
class MailBox:
    """A mailbox, by SMTP (RFC 5321) with a sign-in (RFC 4954) where the address has a user; what signs a mail further
    is the mail server's to do.
    """

    plugin: Any

    @classmethod
    def at(cls, address: str) -> ChannelPlatform:
        """Return the mailbox of `mailtos://USER:PASSWORD@HOST:PORT?from=…&to=…`."""
        return cls(NotifyEmail(**NotifyEmail.parse_url(address)))

    def deliver(self, message: ChannelMessage, timeout_s: float) -> None:
        """Send *message*, once to each receiver."""
        mails = self._mails(message)
        if not mails:
            raise NotDeliveredError("the address names no receiver; add ?to=")
        try:
            with self._signed_in(timeout_s) as server:
                _hand_over(server, self.plugin.from_addr[1], mails)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDeliveredError(f"the mail server cannot be used: {_smtp_words(error)}") from None

    def _mails(self, message: ChannelMessage) -> list[Any]:
        found = self.plugin
        return list(
            NotifyEmail.prepare_emails(
                subject=message.title,
                body=f"{message.body}\n\n{message.link}",
                notify_format=NotifyFormat.TEXT,
                from_addr=found.from_addr,
                to=found.targets,
                cc=found.cc,
                bcc=found.bcc,
                reply_to=found.reply_to,
                smtp_host=found.smtp_host,
                names=found.names,
                pgp=found.pgp,
                pgp_mode=found.pgp_mode,
                tzinfo=found.tzinfo,
            )
        )

    def _signed_in(self, timeout_s: float) -> Any:
        return AppriseSMTPController(
            host=self.plugin.smtp_host,
            port=self.plugin.port,
            secure_mode=self.plugin.secure_mode,
            user=self.plugin.user,
            password=self.plugin.password,
            verify_certificate=self.plugin.verify_certificate,
            socket_connect_timeout=timeout_s,
        )


def _hand_over(server: Any, sender: str, mails: Sequence[Any]) -> None:
    """Hand *mails* over; apprise's own `sendmail` would not tell a refusal from a connection that broke off."""
    for place, mail in enumerate(mails):
        try:
            refused = server._socket.sendmail(sender, mail.to_addrs, mail.body)  # noqa: SLF001 - there is no other way
        except smtplib.SMTPServerDisconnected:
            raise MaybeDeliveredError("the mail server broke off before it had answered") from None
        except smtplib.SMTPException as error:
            if place:
                raise MaybeDeliveredError(_SOME) from None
            raise NotDeliveredError(f"the mail server refused the mail: {_smtp_words(error)}") from None
        except OSError:
            raise MaybeDeliveredError("the mail server did not answer in time") from None
        if refused:
            raise MaybeDeliveredError(_SOME)


def _smtp_words(error: Exception) -> str:
    """Return the sort of *error* and its code; never what the server said, which may repeat the user or an address."""
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ + (f" {code}" if code else "")


def _secret_in(found: Any) -> str:
    return str(found["qsd"].get("secret", ""))


def _sign(key: str, signed: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _post(
    address: httpx.URL | str,
    body: bytes,
    timeout_s: float,
    *,
    headers: dict[str, str] | None = None,
    sign_in: tuple[str, str] | None = None,
) -> httpx.Response:
    """Return the 2xx answer to *body*; httpx's own words hold the address, so none of them is passed on."""
    try:
        answer = httpx.post(
            address,
            content=body,
            headers={**JSON_TYPE, **(headers or {})},
            auth=sign_in,
            timeout=timeout_s,
            follow_redirects=False,
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise NotDeliveredError(f"no connection ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise MaybeDeliveredError(f"no answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise NotDeliveredError(f"refused with HTTP status {answer.status_code}")
    return answer


def _taken(answer: httpx.Response, field: str) -> None:
    """Raise `NotDeliveredError` where the answer says that the message was not taken, whatever the HTTP status is."""
    try:
        code = json.loads(answer.content)[field]
    except (ValueError, KeyError, TypeError):
        raise NotDeliveredError("what answered is not the platform") from None
    if code != 0:
        raise NotDeliveredError(f"refused by the platform with {field} {code if isinstance(code, int) else '?'}")
