"""Drives a plan over HTTP: paced, a bounded number of requests at once, each retried until it has a final answer."""

import asyncio
import secrets
import time
from collections.abc import Callable

import httpx

from avenue.sending.retry import PASSING, FinalReply, RetryPolicy, WireRequest, send_with_retries
from avenue.simulator.ledger import SimulationLedger, SimulationSummary
from avenue.simulator.messages.base import PushMessage, PushRequest
from avenue.simulator.options import SimulateOptions
from avenue.simulator.plan import PlannedRequest, SendPlan
from avenue.simulator.sources import BATCH_FLOW, find_sources
from runtime.clock import Clock
from runtime.errors import ConfigurationError

# One answer; the server's own limit for a publish is 15 s.
TIMEOUT_S = 20.0
Progress = Callable[[int], None]


def simulate(options: SimulateOptions, *, progress: Progress | None = None) -> SimulationSummary:
    """Send the traffic that *options* describes and return what became of it.

    Raises `ConfigurationError` where the registry, the selection or the address is wrong. *progress* is called with
    the number of events after each answer.
    """
    return asyncio.run(simulate_async(options, progress=progress))


async def simulate_async(
    options: SimulateOptions, *, progress: Progress | None = None, stop: asyncio.Event | None = None
) -> SimulationSummary:
    """Do as `simulate`, in the running loop; end after the requests under way when *stop* is set."""
    base = _base_url(options.url)
    sources = find_sources(options)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    summary = SimulationSummary(seed=seed, skipped=sources.skipped)
    began = time.monotonic()
    limits = httpx.Limits(max_connections=options.concurrency, max_keepalive_connections=options.concurrency)
    with SimulationLedger(options.ledger, summary) as ledger:
        async with httpx.AsyncClient(base_url=base, timeout=TIMEOUT_S, limits=limits, trust_env=False) as client:
            driver = _PlanRunner(options, client, ledger, progress or _ignore)
            await driver.run(SendPlan(options, sources, seed), stop or asyncio.Event())
    summary.seconds = time.monotonic() - began
    return summary


def _ignore(events: int) -> None:
    del events


def _base_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"--url {url}: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(f"--url is the gateway's address, like http://127.0.0.1:9480; got {url!r}")
    return parsed


class _PlanRunner:
    """The requests under way."""

    def __init__(
        self, options: SimulateOptions, client: httpx.AsyncClient, ledger: SimulationLedger, progress: Progress
    ) -> None:
        self._options = options
        self._client = client
        self._ledger = ledger
        self._progress = progress
        self._open: dict[int, asyncio.Event] = {}
        self._silent = 0

    async def run(self, plan: SendPlan, stop: asyncio.Event) -> None:
        """Send every request of *plan*; a few wait ready, so that pacing does not starve the senders.

        Ends early, as if stopped, when as many requests in a row as may be under way got no answer at all.
        """
        queue: asyncio.Queue[PlannedRequest | None] = asyncio.Queue(maxsize=self._options.concurrency)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.concurrency):
                group.create_task(self._sender(queue, stop))
            await self._feed(plan, queue, stop)
            for _ in range(self._options.concurrency):
                await queue.put(None)

    async def _feed(self, plan: SendPlan, queue: "asyncio.Queue[PlannedRequest | None]", stop: asyncio.Event) -> None:
        sent, began = 0, time.monotonic()
        for planned in plan:
            if self._options.rate is not None:
                due_s = began + sent / self._options.rate - time.monotonic()
                await _wait(stop, due_s)
            if stop.is_set():
                self._ledger.summary.stopped = True
                return
            sent += len(planned.message.events)
            self._open[planned.serial] = asyncio.Event()
            await queue.put(planned)

    async def _sender(self, queue: "asyncio.Queue[PlannedRequest | None]", stop: asyncio.Event) -> None:
        while (planned := await queue.get()) is not None:
            # They are taken in order, so what this one waits for is already with another sender.
            for serial in planned.after:
                if earlier := self._open.get(serial):
                    await earlier.wait()
            reply = FinalReply(0, attempts=0, error="interrupted")
            try:
                reply = await self._send(planned.message)
            finally:
                # An interrupted request is written down as unanswered: the server may have it.
                self._ledger.enter(planned.message, reply)
                self._open.pop(planned.serial).set()
            self._progress(len(planned.message.events))
            self._silent = self._silent + 1 if reply.status == 0 else 0
            if self._silent >= self._options.concurrency:
                stop.set()

    async def _send(self, message: PushMessage) -> FinalReply:
        request, clock = message.request, self._options.clock

        def is_passing(reply: FinalReply) -> bool:
            if request.flow == BATCH_FLOW or reply.status in PASSING:
                return reply.status in PASSING
            # A platform comes again after a negative answer, whatever its status; a refusal is final.
            is_refusal = 400 <= reply.status < 500
            return not is_refusal and not request.positive(reply.status, reply.body)

        policy = RetryPolicy(self._options.give_up_s, is_passing)
        return await send_with_retries(self._client, lambda: _wire(request, clock), policy)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _wire(request: PushRequest, clock: Clock) -> WireRequest:
    headers = dict(request.headers)
    if request.sign is not None:
        headers |= request.sign(clock.now_ms())
    url = f"{request.path}?{request.query}" if request.query else request.path
    return WireRequest(request.method, url, headers, request.body)
