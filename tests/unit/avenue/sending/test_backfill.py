"""`avenue send --backfill` says to the server that it can wait, in every request, retries among them."""

import asyncio

import httpx
import pytest

from avenue.sending.client import SendCallbacks, SendOptions, send
from avenue.sending.lines import batches, numbered
from producers.gateway.admission import is_background
from tests.support.factories import REGISTRY, sent_line


@pytest.mark.parametrize("background", [True, False])
def test_a_history_stands_behind_live_traffic(background: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        busy = len(seen) == 1
        return httpx.Response(429 if busy else 200, json={"accepted": 1, "duplicate": 0, "rejected": 0},
                              headers={"retry-after": "0"})  # fmt: skip

    whole = httpx.AsyncClient
    monkeypatch.setattr(
        httpx,
        "AsyncClient",
        lambda **more: whole(transport=httpx.MockTransport(answer), base_url=more["base_url"]),
    )
    options = SendOptions("http://gateway", key="k", background=background)
    callbacks = SendCallbacks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None)

    result = asyncio.run(send(batches(numbered([sent_line()]), max_events=10), options, callbacks))

    assert (result.counts["accepted"], len(seen)) == (1, 2)
    # What the gateway makes of the very header that is sent.
    assert {is_background(REGISTRY.accounts[0], dict(request.headers)) for request in seen} == {background}
