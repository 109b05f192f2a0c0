"""The channels of the registry: which there are for this key, and a test of one. No address goes in or out."""

import asyncio

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from reports.api.documented import CHANNEL_TEST, READER
from reports.api.problems import NotSeenError
from reports.api.routes import AuthenticatedReader
from reports.api.shapes import ChannelJson, ChannelsAnswer, ChannelTestAnswer
from reports.notifications.teller import ChannelFailure, ChannelTest, NobodyTellsError
from reports.queries.spans import iso
from reports.scope import Reader, channels_seen
from reports.service import ReadService
from schemas.registry import NotificationChannel

UNREACHED = "the operator has to give this channel its address"


@get("/v1/channels", summary="Channels", operation_id="channels", responses=READER)
async def get_channels(reader: NamedDependency[AuthenticatedReader]) -> ChannelsAnswer:
    """The channels that are told of this key's trials, and whether what they are told arrives."""
    service = reader.service
    failures = service.teller.failures() if service.teller is not None else {}
    seen = channels_seen(reader.identity, service.directory())
    return ChannelsAnswer([channel_json(channel, failures.get(channel.id), reader.identity) for channel in seen])


@post(
    "/v1/channels/{channel_id:str}/test",
    summary="Test a channel",
    operation_id="testChannel",
    responses=CHANNEL_TEST,
    status_code=200,
)
async def test_channel(reader: NamedDependency[AuthenticatedReader], channel_id: FromPath[str]) -> ChannelTestAnswer:
    """Send a test message to one channel, now, and say what came of it; some an hour and channel."""
    found = await try_channel(reader.service, reader.identity, channel_id)
    return ChannelTestAnswer(found.outcome, found.why)


async def try_channel(service: ReadService, reader: Reader, channel_id: str) -> ChannelTest:
    """Send the test in a thread of its own. Raises `NotSeenError`, `NobodyTellsError`, `TooManyTestsError`."""
    if channel_id not in {channel.id for channel in channels_seen(reader, service.directory())}:
        raise NotSeenError
    if service.teller is None:
        raise NobodyTellsError
    found = await asyncio.to_thread(service.teller.test, channel_id)
    if found.unreached and reader.startup_id is not None:
        # Which variable or file the address is to stand in is the operator's to know.
        return ChannelTest(found.outcome, UNREACHED)
    return found


def channel_json(channel: NotificationChannel, failure: ChannelFailure | None, reader: Reader) -> ChannelJson:
    """Return *channel* for an answer to *reader*."""
    return ChannelJson(
        id=channel.id,
        startup=channel.startup,
        trial=channel.trial,
        tells=list(channel.tells),
        language=channel.language,
        failing_since=iso(failure.since_ms) if failure else None,
        why=failure.why if failure and reader.startup_id is None else "",
    )
