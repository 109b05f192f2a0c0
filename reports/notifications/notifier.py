"""Tells the registry's channels: a thread that looks for what is to be told, claims each message, and delivers it.

At most once per channel, cause and day (or week, or ever: `causes.period_of`), over restarts and among several
processes: a message is claimed before it is sent, and given free only where it surely did not arrive.
"""

import contextvars
import hashlib
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.secrets import SecretResolver
from reports.notifications.delivery import Deliverer, platform_of
from reports.notifications.log import NotificationLog, NotificationState
from reports.notifications.pending import PendingMessage, PendingMessages
from reports.notifications.platforms import ChannelMessage, MaybeDeliveredError, NotDeliveredError
from reports.notifications.teller import ChannelFailure, ChannelTest, TooManyTestsError
from reports.queries.context import QueryContext
from reports.service import ReadService
from runtime.logging import get_logger
from runtime.metrics import CHANNELS_FAILING, NOTIFICATIONS
from schemas.registry import NotificationChannel
from schemas.timing import HOUR_MS

log = get_logger(__name__)

STOP_S = 25.0
"""For the message under way, with all its tries."""


@dataclass(frozen=True, slots=True)
class NotifierDeps:
    """What a notifier stands on."""

    service: ReadService
    log: NotificationLog
    secrets: SecretResolver
    deliver: Deliverer


class ChannelNotifier:
    """The thread, and what it does at one look."""

    def __init__(self, deps: NotifierDeps) -> None:
        self._deps = deps
        self._clock = deps.service.clock
        self._settings = deps.service.settings.notification
        self._pending = PendingMessages(deps.service.settings, began_ms=self._clock.now_ms())
        self._failures: dict[str, ChannelFailure] = {}
        self._tests: dict[str, deque[int]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look in the background, until stopped."""
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name="notifications", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End after the message under way; what was claimed and not sent is given free."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
        self._deps.log.close()

    def failures(self) -> Mapping[str, ChannelFailure]:
        """Return which channels fail, by id."""
        with self._lock:
            return dict(self._failures)

    def look(self) -> None:
        """Tell what is to be told now. Raises `UnavailableError` where the topic of messages cannot be read."""
        directory = self._deps.service.directory()
        self._forget_all_but(directory.channels)
        context = self._deps.service.context()
        self._pending.count_silent(context)
        channels = [channel for channel in directory.channels.values() if not self._left_alone(channel.id)]
        if not channels:
            return
        state = self._deps.log.read()
        left = self._settings.queue
        for channel in channels:
            try:
                left -= self._look_at(channel, context, state, left)
            except Exception:
                # One channel's fault is no other's; what it was not told is pending at the next look.
                log.exception("a channel could not be told", channel=channel.id)

    def test(self, channel_id: str) -> ChannelTest:
        """Send a test to a channel of the registry in force, now; for a thread that may wait.

        Raises `KeyError` where there is none, `TooManyTestsError` where it was tried too often.
        """
        channel = self._deps.service.directory().channels[channel_id]
        self._count_test(channel_id)
        writer = self._pending.writer(channel, self._deps.service.directory(), self._clock.now_ms())
        message = PendingMessage(
            key=f"test {channel_id} {self._clock.now_ms()}",
            kind="test",
            trial_id="",
            text=writer.test(channel_id),
            link=writer.link(channel.trial or ""),
        )
        address, fault = self._deps.secrets.address_of(channel)
        if address is None:
            self._failed(channel, fault or "", unreached=True)
            return ChannelTest("failed", fault or "", unreached=True)
        return self._send(channel, address, message)

    def _run(self) -> None:
        """Look until stopped: each pause ends with the stop, so this loop has its own."""
        while not self._stopping.wait(self._settings.every_s):
            try:
                self.look()
            except Exception:
                # The next look is another try; one that fails tells nobody anything wrong.
                log.exception("a look for what is to be told failed")

    def _look_at(self, channel: NotificationChannel, context: QueryContext, state: NotificationState, most: int) -> int:
        pending = list(self._pending.of(channel, context, state))[:most]
        address, fault = self._deps.secrets.address_of(channel)
        if address is None:
            self._failed(channel, fault or "", unreached=True)
            return len(pending)
        if (failure := self._failures.get(channel.id)) is not None and failure.unreached:
            self._well(channel.id)
        if pending and not self._stopping.is_set():
            self._tell(channel, address, pending)
        return len(pending)

    def _tell(self, channel: NotificationChannel, address: str, pending: Sequence[PendingMessage]) -> None:
        claimed = self._deps.log.claim([message.key for message in pending])
        ours = [message for message in pending if message.key in claimed]
        while ours and not self._stopping.is_set():
            message = ours.pop(0)
            found = self._send(channel, address, message)
            if found.outcome == "failed":
                self._deps.log.release(message.key)
            if found.outcome != "told":
                break
        for message in ours:
            self._deps.log.release(message.key)

    def _send(self, channel: NotificationChannel, address: str, message: PendingMessage) -> ChannelTest:
        try:
            self._deps.deliver(address, self._addressed(channel, message))
            found = ChannelTest("told")
        except NotDeliveredError as error:
            found = ChannelTest("failed", str(error))
        except MaybeDeliveredError as error:
            found = ChannelTest("unknown", str(error))
        NOTIFICATIONS.labels(message.kind, platform_of(address) or "unknown", found.outcome).inc()
        if found.outcome == "told":
            log.info("a channel was told", channel=channel.id, kind=message.kind, trial=message.trial_id)
            self._well(channel.id)
        else:
            self._failed(channel, found.why)
        return found

    def _addressed(self, channel: NotificationChannel, message: PendingMessage) -> ChannelMessage:
        return ChannelMessage(
            message_id="msg_" + hashlib.sha256(message.key.encode()).hexdigest()[:32],
            kind=message.kind,
            channel_id=channel.id,
            trial_id=message.trial_id,
            title=message.text.title,
            body=message.text.body,
            link=message.link,
            now_ms=self._clock.now_ms(),
        )

    def _count_test(self, channel_id: str) -> None:
        now_ms = self._clock.now_ms()
        with self._lock:
            times = self._tests.setdefault(channel_id, deque(maxlen=self._settings.tests_per_hour))
            if len(times) == self._settings.tests_per_hour and now_ms - times[0] < HOUR_MS:
                raise TooManyTestsError
            times.append(now_ms)

    def _left_alone(self, channel_id: str) -> bool:
        failure = self._failures.get(channel_id)
        return failure is not None and self._clock.now_ms() < failure.until_ms

    def _well(self, channel_id: str) -> None:
        with self._lock:
            self._failures.pop(channel_id, None)
            CHANNELS_FAILING.set(len(self._failures))

    def _failed(self, channel: NotificationChannel, why: str, *, unreached: bool = False) -> None:
        now_ms = self._clock.now_ms()
        with self._lock:
            before = self._failures.get(channel.id)
            since_ms = before.since_ms if before else now_ms
            until_ms = now_ms + round(self._settings.pause_s * 1000)
            self._failures[channel.id] = ChannelFailure(since_ms, until_ms, why, unreached)
            CHANNELS_FAILING.set(len(self._failures))
        log.warning("a channel was not told, and is left alone for a while", channel=channel.id, why=why)

    def _forget_all_but(self, known: Mapping[str, NotificationChannel]) -> None:
        with self._lock:
            for kept in (self._failures, self._tests):
                for gone in kept.keys() - known.keys():
                    kept.pop(gone)
            CHANNELS_FAILING.set(len(self._failures))
