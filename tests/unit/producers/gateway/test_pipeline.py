"""A push takes the way that `producers/gateway/pipeline.py` draws: its steps, in its order, in few files."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from producers.gateway import pipeline
from schemas.topics import Topic
from tests.support import factories
from tests.support.adapter_signing import NOW_MS
from tests.support.memory_gateway import memory_gateway
from tests.support.native_walk import CONTRACTS, pushed, registry_of, whole
from tests.support.paths import ROOT

TAKEN_IN = ["RequestIngestor.ingest", "validate_run"]
OF_A_BATCH = ["PushPipeline.push_batch", "authenticate_sender", "unpack", "split", *TAKEN_IN, "FastPath.validate"]
OF_A_NATIVE_PUSH = ["PushPipeline.push_native", "DouyinWebhook.adapt", *TAKEN_IN, "EventValidator.validate_mapped"]
STEPS = {
    "fast": [*OF_A_BATCH, "PlacementCache.find", "TrialPseudonyms.of_session", "Publisher.add", "BatchResult.answer"],
    "consent": [
        *OF_A_BATCH, "EventValidator.validate_bytes", "resolve_placement", "Pseudonyms.second_step", "Publisher.publish_effect",
        "Publisher.add", "BatchResult.answer",
    ],
    "native": [*OF_A_NATIVE_PUSH, "resolve_placement", "Pseudonyms.second_step", "Publisher.add"],
}  # fmt: skip
WAYS_IN = {"PushASGIApp.__call__", "Replayer.replay"}
MAIN_WAY = ["producers/gateway/asgi.py", "producers/gateway/pipeline.py", "producers/publisher.py"]


class Trace:
    """What functions were entered, in order of the first time; and from where events were handed to the publisher."""

    def __init__(self) -> None:
        self.entered: dict[str, int] = {}
        self.ways: list[list[str]] = []

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        name = frame.f_code.co_qualname
        self.entered.setdefault(name, len(self.entered))
        if name == "Publisher.add" and frame.f_locals["topic"] is Topic.EVENTS:
            self.ways.append(files_to(frame))

    def steps(self, of: str) -> list[str]:
        """Return those of the steps that were taken, in order."""
        return sorted(set(STEPS[of]) & self.entered.keys(), key=self.entered.__getitem__)


def files_to(frame: FrameType) -> list[str]:
    """Return the files that lead from the gateway's first function to *frame*, each once."""
    files: dict[str, None] = {}
    at: FrameType | None = frame
    while at is not None and at.f_code.co_qualname not in WAYS_IN:
        files[at.f_code.co_filename] = None
        at = at.f_back
    assert at is not None, "the publisher was not called on the request's own way"
    files[at.f_code.co_filename] = None
    return [Path(name).relative_to(ROOT).as_posix() for name in reversed(files)]


@contextmanager
def traced() -> Iterator[Trace]:
    trace = Trace()
    before = sys.getprofile()
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(before)


async def batch_push(**change: Any) -> Trace:
    body = factories.sent_line(**change)
    async with memory_gateway(factories.REGISTRY, "sunmi-main", now_ms=factories.NOW_MS) as gateway:
        with traced() as trace:
            answer = await gateway.push(body)
    assert json.loads(answer.content)["accepted"] == 1
    return trace


async def native_push() -> Trace:
    contract = next(one for one in CONTRACTS if (one.platform, one.flow) == ("douyin", "webhook"))
    method, path, body, headers = pushed(contract, whole(contract))
    async with memory_gateway(
        registry_of(contract), "acct", now_ms=NOW_MS, secrets_for=lambda _account, _flow: contract.secrets()
    ) as gateway:
        with traced() as trace:
            answer = await gateway.client.request(method, path, content=body, headers=headers)
        assert len(gateway.log.lines(Topic.EVENTS)) == 1
    assert answer.content == contract.positive[1]
    return trace


async def pushed_as(of: str) -> Trace:
    match of:
        case "fast":
            return await batch_push()
        case "consent":
            return await batch_push(kind="consent.withdrawn", outcome=None)
    return await native_push()


@pytest.mark.parametrize("of", STEPS)
async def test_a_push_takes_the_steps_in_their_order_and_the_drawing_names_each(of: str) -> None:
    trace = await pushed_as(of)

    assert trace.steps(of) == STEPS[of]
    drawn = (
        (pipeline.__doc__ or "").replace("Adapter.adapt", "DouyinWebhook.adapt").replace(".second", "Pseudonyms.second")
    )
    in_order = re.search(".*".join(map(re.escape, STEPS[of])), drawn, re.DOTALL)
    assert in_order, "the drawing lacks a step, or has another order"


@pytest.mark.parametrize("of", STEPS)
async def test_from_the_route_to_the_publisher_a_push_goes_through_three_files_and_is_never_handed_to_a_callback(
    of: str,
) -> None:
    trace = await pushed_as(of)

    assert trace.ways, "no event was published"
    assert [way for way in trace.ways if way != MAIN_WAY] == []
