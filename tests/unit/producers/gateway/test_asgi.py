"""Pushes go straight to the pipeline, everything else to the framework; every push gets an answer."""

import asyncio
from typing import Any

import pytest

from producers.gateway.asgi import PushASGIApp
from producers.gateway.http_request import HttpRequest
from producers.gateway.responses import HttpAnswer
from runtime.settings import GatewaySettings


class PipelineDouble:
    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def push_batch(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request)
        if request.body == b"fails":
            raise RuntimeError("of ours")
        return HttpAnswer(429, b"{}", "application/problem+json", {"Retry-After": "3"})

    async def push_native(self, account_id: str, flow: str, request: HttpRequest) -> HttpAnswer:
        self.asked.append((account_id, flow, request.query))
        return HttpAnswer(200, b"SUCCESS", "text/plain")


async def no_answer(_message: Any) -> None:
    """Take what nobody asks for."""


async def ask(
    method: str, path: str, *chunks: bytes, hangs_up: bool = False
) -> tuple[PipelineDouble, list[Any], list[Any]]:
    pipeline, sent, rest = PipelineDouble(), [], []
    messages = [{"type": "http.request", "body": c, "more_body": n + 1 < len(chunks)} for n, c in enumerate(chunks)]
    if hangs_up:
        messages = [{**messages[0], "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def framework(scope: Any, receive: Any, send: Any) -> None:
        rest.append(scope["path"])

    scope = {"type": "http", "method": method, "path": path, "query_string": b"a=1", "headers": [(b"X-A", b"b")]}
    limits = GatewaySettings(max_body_bytes=10, body_timeout_s=0.05)
    await PushASGIApp(pipeline, framework, limits)(scope, receive, send)  # type: ignore[arg-type]  # a double
    return pipeline, sent, rest


async def test_a_batch_push_reaches_the_pipeline_whole_and_its_answer_the_sender() -> None:
    pipeline, sent, rest = await ask("POST", "/v1/events", b"[1,", b"2]")
    assert (pipeline.asked[0].body, pipeline.asked[0].headers, rest) == (b"[1,2]", {"X-A": "b"}, [])
    assert sent[0]["status"] == 429
    assert dict(sent[0]["headers"]) == {
        b"content-type": b"application/problem+json", b"content-length": b"2", b"retry-after": b"3",
    }  # fmt: skip
    assert sent[1]["body"] == b"{}"


async def test_a_native_push_names_account_and_flow() -> None:
    pipeline, sent, _ = await ask("GET", "/in/sunmi-main/callback", b"")
    assert pipeline.asked == [("sunmi-main", "callback", b"a=1")]
    assert sent[1]["body"] == b"SUCCESS"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/events"), ("POST", "/v1/events/"), ("POST", "/in/a"), ("POST", "/in/a/"), ("POST", "/in/a/b/c"),
     ("PUT", "/in/a/b"), ("GET", "/"), ("POST", "/v1/metrics")],
)  # fmt: skip
async def test_anything_else_is_the_framework_s(method: str, path: str) -> None:
    pipeline, sent, rest = await ask(method, path, b"")
    assert (pipeline.asked, sent, rest) == ([], [], [path])


async def test_a_body_beyond_the_bound_or_cut_short_is_refused_and_not_taken() -> None:
    pipeline, sent, _ = await ask("POST", "/v1/events", b"x" * 6, b"x" * 5)
    assert (pipeline.asked, sent[0]["status"]) == ([], 413)
    pipeline, sent, _ = await ask("POST", "/v1/events", b"[", hangs_up=True)
    assert (pipeline.asked, sent[0]["status"], b"chunks" in sent[1]["body"]) == ([], 400, True)


async def test_a_fault_of_ours_is_a_500_that_says_to_send_again() -> None:
    _, sent, _ = await ask("POST", "/v1/events", b"fails")
    assert (sent[0]["status"], b"same event_id" in sent[1]["body"]) == (500, True)
    assert b"of ours" not in sent[1]["body"]


async def test_a_body_that_does_not_end_is_a_408_and_the_connection_s_end() -> None:
    pipeline, sent = PipelineDouble(), []
    messages = [{"type": "http.request", "body": b"[", "more_body": True}]

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/events", "query_string": b"", "headers": []}
    app = PushASGIApp(pipeline, None, GatewaySettings(body_timeout_s=0.01))  # type: ignore[arg-type]  # a double
    async with asyncio.timeout(2):
        await app(scope, receive, send)
    assert (pipeline.asked, sent[0]["status"]) == ([], 408)
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_the_framework_is_told_that_a_sender_whose_body_does_not_end_hung_up() -> None:
    heard: list[str] = []
    messages = [{"type": "http.request", "body": b"[", "more_body": True}]

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def framework(_scope: Any, receive: Any, _send: Any) -> None:
        heard.extend([(await receive())["type"] for _ in range(2)])

    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "headers": []}
    await PushASGIApp(PipelineDouble(), framework, GatewaySettings(body_timeout_s=0.01))(scope, receive, no_answer)  # type: ignore[arg-type]  # a double
    assert heard == ["http.request", "http.disconnect"]


@pytest.mark.parametrize(("told", "seen"), [(500, 400), (200, 200)])
async def test_the_framework_s_500_about_a_body_cut_short_is_the_sender_s_400(told: int, seen: int) -> None:
    messages = [{"type": "http.request", "body": b"[", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def framework(_scope: Any, receive: Any, send: Any) -> None:
        assert [(await receive())["type"] for _ in range(2)] == ["http.request", "http.disconnect"]
        await send({"type": "http.response.start", "status": told, "headers": []})
        await send({"type": "http.response.body", "body": b"the framework's"})

    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "headers": []}
    await PushASGIApp(PipelineDouble(), framework, GatewaySettings())(scope, receive, send)  # type: ignore[arg-type]  # a double
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == seen
    assert (sent[1]["body"] == b"the framework's") == (told == seen)


async def test_whoever_waits_for_the_end_of_a_connection_is_not_hurried() -> None:
    whole = [{"type": "http.request", "body": b"", "more_body": False}]
    over = asyncio.Event()
    heard: list[str] = []

    async def receive() -> Any:
        if whole:
            return whole.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def framework(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        asyncio.get_running_loop().call_later(0.05, over.set)
        began = asyncio.get_running_loop().time()
        heard.append((await receive())["type"])
        heard.append("waited" if asyncio.get_running_loop().time() - began > 0.03 else "hurried")

    scope = {"type": "http", "method": "GET", "path": "/live", "query_string": b"", "headers": []}
    await PushASGIApp(PipelineDouble(), framework, GatewaySettings(body_timeout_s=0.01))(scope, receive, no_answer)  # type: ignore[arg-type]  # a double
    assert heard == ["http.disconnect", "waited"]
