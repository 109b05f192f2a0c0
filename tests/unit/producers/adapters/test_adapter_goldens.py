"""The golden examples: literal requests of each flow (valid, invalid, duplicate, late) and what becomes of each."""

import json
from typing import Any

import pytest

from producers.adapters.base import AdapterResult, MappedMessage, PlatformHandshake, PlatformMessage, RefusedPush
from producers.adapters.catalogue import ADAPTERS, adapter_for
from tests.support.adapter_signing import Sent, make_account, make_push
from tests.support.paths import ADAPTER_GOLDENS

FILES = {path.stem: json.loads(path.read_text()) for path in sorted(ADAPTER_GOLDENS.glob("*.json"))}
EXAMPLES = [
    pytest.param(file, example, id=f"{name}: {example['name']}")
    for name, file in FILES.items()
    for example in file["examples"]
]


def spelt(reading: AdapterResult) -> Any:
    """Spell *reading* as the files do."""
    if isinstance(reading, RefusedPush):
        return "refused"
    if isinstance(reading, PlatformHandshake):
        return {"handshake": reading.answer.body.decode()}
    return [spelt_message(message) for message in reading.messages]


def spelt_message(message: PlatformMessage) -> Any:
    if isinstance(message, MappedMessage):
        return {"event": dict(message.fields), "match": [dict(keys) for keys in message.match]}
    return {"reject": message.reason.value, "field": message.field}


@pytest.mark.parametrize(("file", "example"), EXAMPLES)
def test_a_golden_example_becomes_what_it_says(file: dict[str, Any], example: dict[str, Any]) -> None:
    flow = example.get("flow", file["flow"])
    sent = Sent(example["body"].encode(), example["headers"], example["query"].encode(), example["method"])
    secrets = [secret.encode() for secret in file["secrets"]]
    account = make_account(file["platform"], **file["account"])
    adapter = adapter_for(file["platform"], flow)
    assert adapter is not None

    reading = adapter.adapt(make_push(sent, account, flow, secrets, example["received_ms"]))

    assert spelt(reading) == example["expect"]


def test_every_flow_has_examples_of_every_sort() -> None:
    flows = {(adapter.platform, adapter.flow) for adapter in ADAPTERS}

    found = {
        (file["platform"], "waimai" if file["flow"].startswith("waimai") else file["flow"]): {
            example["sort"] for example in file["examples"]
        }
        for file in FILES.values()
    }

    assert set(found) == flows
    assert all(sorts == {"valid", "invalid", "duplicate", "late"} for sorts in found.values())
