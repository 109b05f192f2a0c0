"""Every field with every sort of value, over HTTP: no 5xx, one outcome an event, and the id told where there is one."""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import zstandard

from schemas.event import PilotEvent
from schemas.topics import Topic
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS as NATIVE_NOW_MS
from tests.support.factories import NOW, NOW_MS, REGISTRY
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.native_walk import CONTRACTS, changed, pushed, registry_of, whole

DIGITS = (1, 10, 11, 16, 17, 18, 19, 20, 39, 40, 100, 308, 309, 310, 400, 4299, 4300, 4301, 20_000)
VALUES: tuple[bytes, ...] = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"1.5", b"1e3", b"1E400", b"-1e400", b"1e-400", b"0.0",
    b"1e99999999999999999999", b"1e-99999999999999999999", b"9007199254740992", b"-9007199254740992",
    *(sign + b"9" * count for count in DIGITS for sign in (b"", b"-")),
    *(b"1." + b"3" * count for count in DIGITS),
    b'""', b'" "', b'"x"', b'"\\u0000"', b'"\\ud83d"', b'"\\ude00"', b'"\\ud83d\\ude00"', b'"cut \\ud83d here"', b'"\\""', b'"\\\\"',
    *(b'"' + b"a" * count + b'"' for count in (64, 65, 128, 129, 256, 257, 4096, 20_000)),
    '"脑智大道"'.encode(), '"🙂"'.encode(), b'"\xed\xa0\x80"', b'"\xff"',
    b"[]", b"{}", b"[[1]]", b'{"a":{"b":1}}', b'{"a":1,"a":2}', b'{"\\ud83d":1}', b'{"' + b"k" * 20_000 + b'":1}',
    *(b"[" * depth + b"]" * depth for depth in (20, 60, 70, 500, 2000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (20, 70, 2000)),
    b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(40)) + b"}",
    b"NaN", b"Infinity", b"-", b"+1", b"'x'",
)  # fmt: skip
NO_JSON = frozenset({b"NaN", b"Infinity", b"-", b"+1", b"'x'"})


def fields(event_id: str) -> dict[str, bytes]:
    sound = {
        "event_id": event_id,
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": (NOW - timedelta(minutes=1)).isoformat(),
        "placement_id": "p-017",
        "subject": "somebody",
    }
    return {name: json.dumps(value).encode() for name, value in sound.items()}


def spelt(members: dict[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items()) + b"}"


def walk() -> Iterator[tuple[str, str, bytes, bytes]]:
    """Yield event id, field, value, and the event."""
    number = 0
    for name in [*PilotEvent.model_fields, "attributes.key", "a name", "unknown"]:
        for value in VALUES:
            number += 1
            event_id = f"e-{number}"
            members = fields(event_id)
            if name == "attributes.key":
                members["attributes"] = b'{"key":%b}' % value
            elif name != "a name":
                members[name] = value
            event = spelt(members)
            if name == "a name":
                event = event[:-1] + b",%b:1}" % value
            yield event_id, name, value, event


def is_json_text(name: str, value: bytes) -> bool:
    return value not in NO_JSON and (name != "a name" or value.startswith(b'"'))


async def verdicts_of(gateway: MemoryGateway, body: bytes, content_type: str, count: int) -> list[dict[str, Any]]:
    encoding = {0: "identity", 1: "gzip", 2: "zstd"}[len(body) % 3]
    packed = gzip.compress(body) if encoding == "gzip" else zstandard.compress(body) if encoding == "zstd" else body
    answer = await gateway.push(packed, content_type, **{"content-encoding": encoding})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["accepted"] + told["duplicate"] + told["rejected"] == count == len(told["results"])
    assert [result["index"] for result in told["results"]] == list(range(count))
    return list(told["results"])


def check(walked: Sequence[tuple[str, str, bytes, bytes]], results: Sequence[dict[str, Any]]) -> None:
    for (event_id, name, value, _), result in zip(walked, results, strict=True):
        assert result.get("reason") != "internal_error", (name, value[:60], result)
        if result["verdict"] == "rejected" and name not in {"event_id", "a name"} and result["reason"] != "malformed":
            assert result["event_id"] == event_id, (name, value[:60], result)
        if name == "attributes.key" and value.lstrip(b"-").isdigit() and len(value) > 20:
            assert (result["reason"], result["field"]) == ("invalid_value", "attributes.key")


@pytest.mark.parametrize("form", ["array", "envelope", "ndjson", "each"])
async def test_every_value_in_every_field_of_a_batch_gets_its_verdict(form: str) -> None:
    walked = [found for found in walk() if is_json_text(*found[1:3]) or form == "ndjson"]
    assert len(walked) > 1500
    accepted = 0
    async with memory_gateway(REGISTRY, "sunmi-main", now_ms=NOW_MS) as gateway:
        for number, some in enumerate(batched_some(walked, 1 if form == "each" else 97)):
            good = spelt(fields(f"good-{number}"))
            elements = [good, *(event for *_, event in some)]
            joined = {
                "array": b"[%b]",
                "envelope": b' { "events" : [%b]}',
                "ndjson": b"\xef\xbb\xbf%b",
                "each": b"[%b]",
            }
            body = joined[form] % (b"\n" if form == "ndjson" else b" , ").join(elements)
            content_type = "application/x-ndjson" if form == "ndjson" else "application/json"
            results = await verdicts_of(gateway, body, content_type, len(elements))
            assert results[0]["verdict"] == "accepted", results[0]
            check(some, results[1:])
            accepted += sum(result["verdict"] == "accepted" for result in results)
        assert len(gateway.log.lines(Topic.EVENTS)) == accepted > 90
        deliveries = gateway.log.lines(Topic.DELIVERIES)
        assert sum(line["received"] for line in deliveries) == len(walked) + len(deliveries)


def batched_some(walked: Sequence[tuple[str, str, bytes, bytes]], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(walked), size):
        yield walked[start : start + size]


def test_a_walk_over_all_of_that_is_what_it_says() -> None:
    assert {name for _, name, _, _ in walk()} >= set(PilotEvent.model_fields)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: type(contract).__name__)
async def test_every_value_in_every_field_of_a_native_push_gets_its_outcome(contract: AdapterContract) -> None:
    sent = [whole(contract), *(made for value in VALUES for made in changed(contract, value))]
    assert len(sent) > len(VALUES)
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NATIVE_NOW_MS, secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        for one in sent:
            method, path, body, headers = pushed(contract, one)
            answer = await gateway.client.request(method, path, content=body, headers=headers)
            assert answer.status_code == 200, (path, body[:300], answer.text)
        deliveries = gateway.log.lines(Topic.DELIVERIES)
        assert len(deliveries) + 2 >= len(sent)
        assert all(line["received"] == line["accepted"] + line["duplicate"] + line["rejected"] for line in deliveries)
        assert all(line["reason"] != "internal_error" for line in gateway.log.lines(Topic.REJECTS))
        assert contract.kind == "" or gateway.log.lines(Topic.EVENTS)
