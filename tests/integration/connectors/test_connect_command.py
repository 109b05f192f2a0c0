"""`avenue connect` as its user runs it: from the first message to the last line it prints."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.connectors.test_bilibili_live import Gateway, dm
from tests.support.adapter_signing import WHSEC_1
from tests.support.bilibili_platform import ACCESS_KEY, ACCESS_SECRET, APP_ID, CODE, BilibiliPlatform
from tests.support.waiting import wait_until_in_loop

pytestmark = pytest.mark.timeout(120)
SECRETS = {"LIVE": WHSEC_1.decode(), "KEY": ACCESS_KEY, "SECRET": ACCESS_SECRET, "CODE": CODE}


async def start(*words: str, home: Path, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "avenue",
        "connect",
        *words,
        env={**os.environ, "AVENUE_HOME": str(home), **SECRETS, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def listening(url: str, platform: str, /, **more: str) -> list[str]:
    options = {
        "account": "acct",
        "url": url,
        "secret": "env:LIVE",
        "app-id": str(APP_ID),
        "access-key": "env:KEY",
        "access-secret": "env:SECRET",
        "code": "env:CODE",
        "platform-url": platform,
        **more,
    }
    return ["bilibili-live", *(word for name, value in options.items() for word in (f"--{name}", value))]


async def test_it_posts_what_it_hears_until_it_is_stopped_and_says_what_became_of_it(tmp_path: Path) -> None:
    platform, gateway = BilibiliPlatform(), Gateway()
    async with platform.running() as platform_url, gateway.running() as url:
        process = await start(*listening(url, platform_url), "--json", home=tmp_path)
        await wait_until_in_loop(lambda: platform.listeners() == 2, 60)
        await platform.says(dm(0), dm(1))
        await wait_until_in_loop(lambda: len(gateway.events) == 2)
        process.send_signal(signal.SIGTERM)
        out, log = await process.communicate()
        status = await (await start("status", "--account", "acct", "--json", home=tmp_path)).communicate()

    assert process.returncode == 0, log
    assert json.loads(out) == {"posted": 2, "waiting": 0, "holes": 0}
    assert platform.session.over  # it said goodbye
    assert not [value for value in SECRETS.values() if value.encode() in log]
    told = json.loads(status[0])
    assert (told["waiting"], told["holes"]) == (0, [])
    assert told["last_heard"].endswith("Z")


@pytest.mark.parametrize(
    ("more", "environ", "said"),
    [
        ({"secret": "whsec_in_the_open"}, {}, "--secret is a reference"),
        ({"code": "env:NOWHERE"}, {}, "--code: the environment variable NOWHERE is not set"),
        ({}, {"LIVE": "whsec_c2hvcnQ="}, "--secret: the Standard Webhooks secret cannot be used"),
        ({"url": "gateway.example.com"}, {}, "--url is an address like https://"),
        ({}, {"SECRET": "another"}, "check the access key and its secret"),
        ({"account": "stranger"}, {}, "has no account stranger with a secret for the flow live"),
    ],
)
async def test_used_wrongly_it_says_what_and_ends_with_2(
    tmp_path: Path, more: dict[str, str], environ: dict[str, str], said: str
) -> None:
    platform, gateway = BilibiliPlatform(), Gateway()
    async with platform.running() as platform_url, gateway.running() as url:
        process = await start(*listening(url, platform_url, **more), home=tmp_path, **environ)
        _, log = await process.communicate()

    assert process.returncode == 2, log
    assert said in log.decode()
    assert b"Traceback" not in log
    assert not [value for value in {**SECRETS, **environ}.values() if value.encode() in log]


async def test_status_of_a_connector_that_never_ran_says_so(tmp_path: Path) -> None:
    _, log = await (await start("status", "--account", "nobody", home=tmp_path)).communicate()

    assert b"no connector of account nobody has run" in log
