"""Each platform's stand-in, which checks the signature that the platform publishes, takes a message; and what goes wrong."""

import logging
from collections.abc import Iterator

import pytest

from reports.notifications.delivery import deliver, platform_of
from reports.notifications.platforms import ChannelMessage, MaybeDeliveredError, NotDeliveredError
from runtime.clock import SystemClock
from runtime.settings import NotificationSettings
from tests.support.notification_stand_ins import SECRETS, StandIns, stand_ins

PLATFORMS = ("feishu", "dingtalk", "wecom", "webhook", "mail")
SOON = NotificationSettings(timeout_s=0.5, retry_s=0.01, tries=2)
PATIENT = SOON.model_copy(update={"timeout_s": 20.0})
"""Where an answer comes, and only what it is matters."""


@pytest.fixture(scope="module")
def running() -> Iterator[StandIns]:
    """Run the stand-ins once."""
    with stand_ins() as found:
        yield found


@pytest.fixture
def platforms(running: StandIns) -> StandIns:
    """Return the stand-ins, which have heard nothing yet."""
    running.forget()
    return running


def message(body: str = "第一行\nline two") -> ChannelMessage:
    """Return a message in both scripts."""
    return ChannelMessage(
        message_id="m-1",
        kind="digest",
        channel_id="c-1",
        trial_id="neuro",
        title="脑智大道 digest",
        body=body,
        link="http://127.0.0.1:9480/trials/neuro",
        now_ms=SystemClock().now_ms(),
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_takes_a_message_that_is_signed_as_it_publishes(platforms: StandIns, platform: str) -> None:
    address = platforms.addresses[platform]

    deliver(address, message(), SOON)

    assert platform_of(address) == platform
    assert platforms.refused == []
    (text,) = platforms.texts(platform)
    assert text.splitlines()[:3] == ["脑智大道 digest", "第一行", "line two"]
    assert text.rstrip().endswith("/trials/neuro")


@pytest.mark.parametrize(
    ("platform", "wrong"),
    [
        ("feishu", "feishu://{0}?secret=other"),
        ("feishu", "feishu://{0}"),
        ("dingtalk", "dingtalk://SECother@{2}"),
        ("dingtalk", "dingtalk://{2}"),
        ("wecom", "wecombot://another-key"),
        ("webhook", "{webhook}"),
        ("mail", "{mail}"),
    ],
)
def test_a_wrong_secret_is_refused_and_said_so_without_it(
    platforms: StandIns, platform: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as the roles' logs have it
    addresses = platforms.addresses
    webhook = addresses["webhook"].replace("whsec_", "whsec_MfKQ", 1)
    mail = addresses["mail"].replace("mail%2B", "mail%2Bx", 1)

    with pytest.raises(NotDeliveredError) as refused:
        deliver(wrong.format(*SECRETS, webhook=webhook, mail=mail), message(), PATIENT)

    assert platforms.took == []
    assert [fault.split(":")[0] for fault in platforms.refused] == [platform] * PATIENT.tries
    said = str(refused.value) + caplog.text + repr(refused.value.__context__)
    assert [secret for secret in (*SECRETS, "another-key", "SECother") if secret in said] == []


@pytest.mark.parametrize("platform", ["feishu", "dingtalk", "wecom", "webhook"])
@pytest.mark.parametrize(
    ("way", "error", "tries"),
    [
        ("status", NotDeliveredError, 2),
        ("code", NotDeliveredError, 2),
        ("redirect", NotDeliveredError, 0),
        ("silent", MaybeDeliveredError, 0),
    ],
)
def test_a_refusal_is_tried_again_a_silence_is_not_and_no_redirect_is_followed(
    platforms: StandIns, platform: str, way: str, error: type[Exception], tries: int
) -> None:
    platforms.break_with = {platform: way}

    with pytest.raises(error):
        deliver(platforms.addresses[platform], message(), SOON)

    assert platforms.refused == [f"{platform}: told to"] * tries
    assert len(platforms.took) == (way == "silent")


def test_a_mail_that_is_refused_is_not_delivered_and_a_platform_that_is_not_there_neither(platforms: StandIns) -> None:
    platforms.break_with = {"mail": "refuse"}
    with pytest.raises(NotDeliveredError, match="refused the mail: SMTPDataError 554"):
        deliver(platforms.addresses["mail"], message(), SOON)

    with pytest.raises(NotDeliveredError, match=r"no connection \(ConnectError\)"):
        deliver("json://127.0.0.1:9/hook/secret-path", message(), SOON)


def test_a_long_message_is_cut_at_a_line_for_wecom_and_keeps_its_link(platforms: StandIns) -> None:
    deliver(platforms.addresses["wecom"], message("\n".join(f"第{n}行：一切正常" for n in range(200))), SOON)

    (text,) = platforms.texts("wecom")
    lines = text.splitlines()
    assert 1900 < len(text.encode()) <= 2048
    assert lines[-2:] == ["…", "http://127.0.0.1:9480/trials/neuro"]
    assert lines[1] == "第0行：一切正常"


@pytest.mark.parametrize(
    "address",
    [
        "feishu://hunter2!?secret=hunter2",
        "dingtalk://hunter-2@token",
        "wecombot://hunter2!",
        "json://127.0.0.1/a?secret=whsec_hunter2",
        "mailto://u:hunter2@",
        "slack://hunter2/a/b",
    ],
)
def test_an_address_that_cannot_be_read_is_never_repeated(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(NotDeliveredError) as refused:
        deliver(address, message(), SOON)

    assert "hunter" not in str(refused.value) + caplog.text
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
