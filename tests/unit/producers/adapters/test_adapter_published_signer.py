"""What partners sign with the published Python library is verified here, and its trap is named."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks.webhooks import Webhook

from producers.adapters.base import RefusedPush
from producers.adapters.standard_webhooks import VerifiedWebhook, verify
from tests.support.adapter_signing import NOW_MS

CHINA = timezone(timedelta(hours=8))
KEY = bytes(range(25))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = '{"type":"recycle.order.status_changed","note":"旧手机"}'
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


def signed_by(secret: str, given: datetime) -> dict[str, str]:
    """Return the headers of a partner who gives the library *given*, and sends the true time beside it."""
    signature = Webhook(secret).sign("msg_1", given, BODY)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(NOW_MS // 1000), "webhook-signature": signature}


def outcome(headers: dict[str, str], secret: str = SECRET) -> VerifiedWebhook | RefusedPush:
    return verify(headers, BODY.encode(), [secret.encode()], NOW_MS)


@pytest.mark.parametrize("entered", [SECRET, SECRET.rstrip("="), SECRET.removeprefix("whsec_")])
def test_what_the_library_signs_is_verified_however_the_secret_was_copied(entered: str) -> None:
    assert SECRET.endswith("=")

    assert outcome(signed_by(entered, NOW), SECRET) == VerifiedWebhook("msg_1", NOW_MS)
    assert outcome(signed_by(SECRET, NOW), entered) == VerifiedWebhook("msg_1", NOW_MS)


@pytest.mark.parametrize("given", [NOW.astimezone(CHINA).replace(tzinfo=None), NOW.astimezone(CHINA)])
def test_a_local_time_that_the_library_takes_for_utc_is_refused_by_name(given: datetime) -> None:
    refused = outcome(signed_by(SECRET, given))

    assert isinstance(refused, RefusedPush)
    assert refused.message.startswith("the time that was signed is 8 h ahead of webhook-timestamp")


def test_a_local_time_sent_as_it_was_signed_is_refused_by_name() -> None:
    local = NOW.astimezone(CHINA).replace(tzinfo=None)
    sent = str(int(local.replace(tzinfo=UTC).timestamp()))

    refused = outcome(signed_by(SECRET, local) | {"webhook-timestamp": sent})

    assert isinstance(refused, RefusedPush)
    assert refused.message.startswith("webhook-timestamp is 8 h ahead of the server's time")


def test_what_the_page_advises_is_verified() -> None:
    assert isinstance(outcome(signed_by(SECRET, NOW)), VerifiedWebhook)
