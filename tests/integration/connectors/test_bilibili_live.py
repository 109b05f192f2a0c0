"""The connector against a stand-in of Bilibili's open platform: what viewers did arrives, or a hole is told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from avenue.connectors.bilibili.calls import AppKeys, PlatformCalls
from avenue.connectors.bilibili.room import Room, RoomOptions
from avenue.connectors.forward import Destination, Forwarder
from avenue.connectors.spool import Spool
from producers.adapters.base import MappedMessage, RefusedPush, VerifiedPush
from producers.adapters.catalogue import adapter_for
from registry.webhook_signing import secret_bytes
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError
from tests.support.adapter_signing import WHSEC_1, Sent, make_account, make_push
from tests.support.bilibili_platform import (
    ACCESS_KEY,
    ACCESS_SECRET,
    APP_ID,
    CODE,
    ROOM_ID,
    BilibiliPlatform,
    packed,
)
from tests.support.waiting import wait_until_in_loop

pytestmark = pytest.mark.timeout(120)
KEY = secret_bytes(WHSEC_1.decode())


class Gateway:
    """Takes pushes by the real adapter; `answers` are given first, one a push."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.pushes = 0
        self.answers: list[int] = []
        self.known = True

    async def handle(self, request: web.Request) -> web.Response:
        if not self.known:
            return web.Response(status=404)
        if request.method == "GET":
            return web.Response(status=401)
        self.pushes += 1
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        adapter = adapter_for("bilibili", "live")
        assert adapter is not None
        sent = Sent(await request.read(), {name.lower(): value for name, value in request.headers.items()})
        push = make_push(sent, make_account("bilibili"), "live", [WHSEC_1], SystemClock().now_ms())
        read = adapter.adapt(push)
        if isinstance(read, RefusedPush):
            return web.Response(status=401)
        assert isinstance(read, VerifiedPush)
        self.events.update(
            str(message.fields["event_id"]) for message in read.messages if isinstance(message, MappedMessage)
        )
        return web.Response(text="{}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/in/acct/live", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


class Road:
    """A platform, a gateway, and a connector between them that can be killed and started."""

    def __init__(self, platform: BilibiliPlatform, gateway: Gateway, addresses: tuple[str, str], state: Path) -> None:
        self.platform = platform
        self.gateway = gateway
        self.addresses = addresses
        self.state = state
        self.said = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._open = AsyncExitStack()

    async def start(self, key: bytes = KEY, secret: str = ACCESS_SECRET) -> None:
        keys = AppKeys(APP_ID, ACCESS_KEY, secret.encode(), CODE)
        clients = [httpx.AsyncClient(base_url=url, trust_env=False) for url in self.addresses]
        platform, gateway = [await self._open.enter_async_context(client) for client in clients]
        self.spool = self._open.enter_context(closing(Spool(self.state, [KEY])))
        calls = PlatformCalls(platform, keys)
        self.room = Room(calls, self.spool, SystemClock(), RoomOptions(links=2, heartbeat_s=0.2, first_pause_s=0.02))
        self.forwarder = Forwarder(gateway, self.spool, Destination(self.addresses[1], "acct", "live", lambda: key))
        self._tasks = [
            asyncio.create_task(self.room.listen()),
            asyncio.create_task(self.forwarder.run(self.room.stored)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        await self.stop()
        await self._open.aclose()

    async def failed(self) -> BaseException:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        (task,) = done
        error = task.exception()
        assert error is not None
        return error

    async def say(self, count: int = 1) -> None:
        numbers = range(self.said, self.said + count)
        self.said += count
        await self.platform.says(*[dm(number) for number in numbers])

    async def until(self, look: Callable[[], object]) -> None:
        await wait_until_in_loop(look)

    async def until_heard(self, after: int = 0) -> None:
        """Wait until both links are open, and more than *after* have been made."""
        await self.until(lambda: self.platform.listeners() == 2 and self.platform.links_made > after)

    async def until_all_in(self) -> None:
        await self.until(lambda: set(self.gateway.events) >= {f"bili-live:m-{n}" for n in range(self.said)})
        await self.until(lambda: self.spool.waiting() == 0)


def dm(number: int) -> dict[str, Any]:
    person = {"open_id": f"o-{number % 5}", "uid": 0, "uname": "某人", "msg": "你好"}
    data = {"room_id": ROOM_ID, "msg_id": f"m-{number}", "timestamp": SystemClock().now_ms() // 1000, **person}
    return {"cmd": "LIVE_OPEN_PLATFORM_DM", "data": data}


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    platform, gateway = BilibiliPlatform(), Gateway()
    async with platform.running() as url, gateway.running() as gateway_url:
        found = Road(platform, gateway, (url, gateway_url), tmp_path / "state.db")
        yield found
        await found.close()


async def test_what_viewers_do_arrives_once_however_it_is_packed(road: Road) -> None:
    await road.start()
    await road.until_heard()

    for _ in range(6):
        await road.say(3)
    await road.until_all_in()

    assert road.said == 18
    assert set(road.gateway.events.values()) == {1}
    assert road.spool.waiting() == 0


async def test_twenty_dropped_links_lose_nothing_and_are_no_hole(road: Road) -> None:
    await road.start()
    await road.until_heard()

    for turn in range(20):
        await road.say(5)
        made = road.platform.links_made
        await road.platform.drop(turn % 2)
        await road.say(5)
        await road.until_heard(made)
    await road.until_all_in()

    assert road.platform.links_made >= 22
    assert road.spool.holes() == []


async def test_a_session_that_ends_for_want_of_a_heartbeat_is_followed_by_another(road: Road) -> None:
    await road.start()
    await road.until_heard()
    await road.say(5)

    road.platform.session.over = True  # what the next heartbeat is told
    await road.until(lambda: len(road.platform.sessions) == 2)
    await road.until_heard()
    await road.say(5)
    await road.platform.end_session()  # and here the platform says so by itself
    await road.until(lambda: len(road.platform.sessions) == 3)
    await road.until_heard()
    await road.say(5)

    await road.until_all_in()
    assert road.spool.holes() == []  # the old links stayed until the new ones were open


async def test_a_gateway_that_is_away_is_waited_for(road: Road) -> None:
    road.gateway.answers = [503, 503, 500]
    await road.start()
    await road.until_heard()

    await road.say(3)
    await road.until(lambda: road.gateway.pushes >= 3)
    await road.until(lambda: road.forwarder.problem)
    assert "500" in road.forwarder.problem
    assert road.spool.waiting() == 3


async def test_after_a_kill_what_waited_is_posted_the_session_is_ended_and_the_hole_is_told(road: Road) -> None:
    await road.start(key=b"another" * 4)  # so that the gateway takes nothing
    await road.until_heard()
    await road.say(4)
    await road.until(lambda: road.forwarder.problem)
    assert "signature" in road.forwarder.problem
    killed = road.platform.session
    await road.stop()
    road.spool.remember("game_id", killed.game_id)  # a kill has no time to end its session

    await road.start()
    await road.until_heard()
    await road.until_all_in()

    (hole,) = road.spool.holes()
    assert hole.why == "the connector did not run"
    assert hole.from_ms <= hole.to_ms
    assert [path for path, content in road.platform.calls if content.get("game_id") == killed.game_id][
        -1
    ] == "/v2/app/end"


async def test_a_platform_that_is_away_and_comes_back_is_a_hole_that_is_told(road: Road) -> None:
    await road.start()
    await road.until_heard()
    await road.say(5)
    await road.until_all_in()

    road.platform.away = True
    for socket in list(road.platform.session.sockets):
        await socket.close()
    await road.until(lambda: not road.room.coverage.listening)
    road.platform.away = False
    await road.until_heard()
    await road.say(5)
    await road.until_all_in()

    (hole,) = road.spool.holes()
    assert hole.to_ms >= hole.from_ms
    assert "closed the connection" in hole.why


async def test_one_message_that_is_no_json_does_not_void_the_others(road: Road) -> None:
    await road.start()
    await road.until_heard()
    odd = packed([b'{"cmd":"LIVE_OPEN', b'{"cmd":"A","cmd":"B","data":{}}', json.dumps(dm(0)).encode()], 0)
    road.said = 1

    for socket in list(road.platform.session.sockets):
        await socket.send_bytes(odd)
    await road.until_all_in()

    assert road.spool.waiting() == 0


async def test_keys_that_the_platform_refuses_end_the_connector_with_the_way_out(road: Road) -> None:
    await road.start(secret="wrong")

    error = await road.failed()

    assert isinstance(error, ConfigurationError)
    assert "check the access key and its secret" in str(error)


async def test_an_account_that_the_gateway_does_not_know_is_said_at_the_start(road: Road) -> None:
    await road.start()
    await road.forwarder.check()

    road.gateway.known = False

    with pytest.raises(ConfigurationError, match="no account acct with a secret for the flow live"):
        await road.forwarder.check()
