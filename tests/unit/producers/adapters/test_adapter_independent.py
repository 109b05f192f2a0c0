"""What published packages of others have signed is verified here, and refused with one byte changed.

The vectors and the command that made them are in `tests/data/independent`.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from avenue.connectors.bilibili.calls import AppKeys, signed_headers
from producers.adapters.base import NativePush, RefusedPush, VerifiedPush
from producers.adapters.catalogue import adapter_for
from tests.support.adapter_signing import Sent, make_account, make_push
from tests.support.paths import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "independent" / "vectors.json").read_text())
PUSHES = [vector for vector in VECTORS if vector["flow"] != "bilibili/calls"]
AT_MS = 1_751_328_001_000


def named(vector: dict[str, Any]) -> str:
    return f"{vector['flow']} by {vector['package']} in {vector['language']}"


def push_of(vector: dict[str, Any]) -> NativePush:
    platform, _, flow = vector["flow"].partition("/")
    sent = Sent(vector["body"].encode(), vector["headers"])
    return make_push(sent, make_account(platform), flow, [vector["secret"].encode()], AT_MS)


def outcome(push: NativePush) -> object:
    adapter = adapter_for(push.account.platform, push.flow)
    assert adapter is not None
    return adapter.adapt(push)


def test_each_registry_and_language_is_there() -> None:
    assert {vector["registry"] for vector in VECTORS} == {
        "PyPI",
        "npm",
        "Go module proxy",
        "Maven Central",
        "crates.io",
    }
    assert {vector["flow"] for vector in VECTORS} == {
        "aihuishou/webhook", "bilibili/calls", "douyin/trade", "douyin/webhook",
    }  # fmt: skip
    assert len({vector["language"] for vector in VECTORS if vector["flow"] == "aihuishou/webhook"}) == 5


@pytest.mark.parametrize("vector", PUSHES, ids=named)
def test_what_another_s_package_signed_is_verified(vector: dict[str, Any]) -> None:
    assert isinstance(outcome(push_of(vector)), VerifiedPush)


@pytest.mark.parametrize("vector", PUSHES, ids=named)
def test_one_byte_changed_is_refused(vector: dict[str, Any]) -> None:
    push = push_of(vector)

    for at in (0, len(push.body) // 2, len(push.body) - 1):
        changed = bytes([*push.body[:at], push.body[at] ^ 1, *push.body[at + 1 :]])
        assert isinstance(outcome(replace(push, body=changed)), RefusedPush)
    for header, value in push.headers.items():
        # The last letter of a base64 text may stand for bits that are none.
        changed_value = ("x" if value[0] != "x" else "y") + value[1:]
        assert isinstance(outcome(replace(push, headers={**push.headers, header: changed_value})), RefusedPush), header


def test_a_call_to_bilibili_is_signed_as_another_s_client_signs_it() -> None:
    (vector,) = [vector for vector in VECTORS if vector["flow"] == "bilibili/calls"]
    theirs = vector["headers"]
    keys = AppKeys(1, theirs["x-bili-accesskeyid"], vector["secret"].encode(), "code")

    ours = signed_headers(
        keys, vector["body"].encode(), theirs["x-bili-signature-nonce"], int(theirs["x-bili-timestamp"])
    )

    assert len(theirs) > 5
    assert {name: ours[name] for name in theirs} == theirs
