"""Standard Webhooks, shared by Aihuishou and the batch push."""

import base64

import pytest

from producers.adapters.base import RefusedPush
from producers.adapters.standard_webhooks import VerifiedWebhook, key_of, verify
from tests.support.adapter_signing import NOW_MS, WHSEC_1, WHSEC_2, standard_webhook

SENT = standard_webhook(b'{"a":1}', WHSEC_1)
SIGNATURE = SENT.headers["webhook-signature"]


def outcome(signature: str = SIGNATURE, *, at_ms: int = NOW_MS, **headers: str) -> VerifiedWebhook | RefusedPush:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return verify({**SENT.headers, "webhook-signature": signature, **changed}, SENT.body, [WHSEC_2, WHSEC_1], at_ms)


def test_the_published_example_holds() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signed = verify(headers, b'{"test": 2432232314}', [secret], 1_614_265_330_000)

    assert signed == VerifiedWebhook("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000)


def test_one_good_signature_among_several_is_enough() -> None:
    bad = "v1," + base64.b64encode(bytes(32)).decode()

    assert isinstance(outcome(f"{bad} v1a,xyz {SIGNATURE}"), VerifiedWebhook)
    assert isinstance(outcome(f"{bad} {bad}"), RefusedPush)


@pytest.mark.parametrize(
    "signature", ["", "v1", "v1,", SIGNATURE[3:], SIGNATURE.replace("v1", "v1a"), SIGNATURE.replace("v1", "v2"), "v1,é"]
)
def test_another_version_or_spelling_is_refused(signature: str) -> None:
    assert isinstance(outcome(signature), RefusedPush)


def test_no_more_signatures_are_tried_than_a_rotation_needs() -> None:
    many = " ".join(["v1,AAAA"] * 8)

    assert isinstance(outcome(f"{many} {SIGNATURE}"), RefusedPush)


@pytest.mark.parametrize(("off_s", "taken"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_both_ways_are_taken(off_s: int, taken: bool) -> None:
    assert isinstance(outcome(at_ms=NOW_MS + off_s * 1000), VerifiedWebhook) is taken


@pytest.mark.parametrize("webhook_id", ["", "a.b", "a b", "é", "x" * 257])
def test_an_id_that_could_be_read_two_ways_is_refused(webhook_id: str) -> None:
    sent = standard_webhook(b"{}", WHSEC_1, webhook_id=webhook_id)

    assert isinstance(verify(sent.headers, sent.body, [WHSEC_1], NOW_MS), RefusedPush)


@pytest.mark.parametrize("timestamp", ["", "1e9", "-1", "1751328000.0", "１７５１３２８０００", "9" * 13])
def test_a_timestamp_that_is_not_unix_seconds_is_refused(timestamp: str) -> None:
    assert isinstance(outcome(webhook_timestamp=timestamp), RefusedPush)


def test_a_secret_is_base64_with_or_without_its_prefix() -> None:
    assert key_of(WHSEC_1) == key_of(WHSEC_1.removeprefix(b"whsec_") + b"\n") == bytes(range(32))
    assert key_of(b"whsec_not base64!") == key_of(b"v1," + WHSEC_1) == key_of(b"whsec_AAAA") == b""
    assert isinstance(verify(SENT.headers, SENT.body, [b"whsec_", b"whsec_???"], NOW_MS), RefusedPush)


def test_a_key_that_is_too_short_signs_for_nobody() -> None:
    short = b"whsec_" + base64.b64encode(b"abc")

    sent = standard_webhook(b"{}", short)

    assert isinstance(verify(sent.headers, sent.body, [short], NOW_MS), RefusedPush)


def test_a_secret_pasted_without_its_padding_verifies() -> None:
    assert WHSEC_1.endswith(b"=")

    assert isinstance(verify(SENT.headers, SENT.body, [WHSEC_1.rstrip(b"=")], NOW_MS), VerifiedWebhook)


@pytest.mark.parametrize(("moved_s", "said"), [(28_800, "8 h ahead of"), (-28_800, "8 h behind")])
def test_a_signature_over_a_time_without_its_zone_is_refused_by_name(moved_s: int, said: str) -> None:
    moved = standard_webhook(SENT.body, WHSEC_1, NOW_MS + moved_s * 1000)

    refused = outcome(moved.headers["webhook-signature"])

    assert isinstance(refused, RefusedPush)
    assert refused.message.startswith(f"the time that was signed is {said} webhook-timestamp")


@pytest.mark.parametrize(
    ("off_s", "said"),
    [
        (28_800, "8 h ahead of the server"),
        (28_500, "8 h ahead of the server"),
        (-29_100, "8 h behind the server"),
        (29_101, "more than 300 s"),
        (-28_499, "more than 300 s"),
    ],
)
def test_a_timestamp_that_is_a_zone_away_is_refused_by_name(off_s: int, said: str) -> None:
    refused = outcome(at_ms=NOW_MS - off_s * 1000)

    assert isinstance(refused, RefusedPush)
    assert said in refused.message
