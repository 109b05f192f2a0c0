"""Destroys hash keys when their time is over: what was hashed with them is anonymous from then on.

A trial's key goes with its stored events, a year after its end by default; that of a trial or account that is gone
from the registry as long after it was first seen to be gone. A tombstone alone does not destroy: the broker compacts a
segment only once it is closed, and closes it only when another record comes after its time. So while a destroyed key
can still be read from the topic, a small record is written at each turn.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.directory import Directory
from registry.hash_keys import ACCOUNT_PREFIX, GONE_PREFIX, ROLL_KEY, TRIAL_PREFIX, is_hash_key
from registry.log import CompactedLog, standing
from registry.retention import kept_until_ms, retention_ms
from runtime.clock import Clock, ClockWatch
from runtime.errors import PipelineError
from runtime.kafka import LogRecord
from runtime.logging import get_logger
from runtime.metrics import GATEWAY_KEYS_DESTROYED, GATEWAY_KEYS_OVERDUE
from runtime.settings import Settings
from schemas.registry import Registry
from schemas.topics import Topic

log = get_logger(__name__)

STOP_S = 10.0


class MissingSince(BaseModel):
    """The value of a `gone:` record: since when its account or trial is missing from the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since_ms: int


@dataclass(frozen=True, slots=True)
class KeyRetentionActions:
    """What is to be done about the keys on the topic; names are those of records."""

    destroy: tuple[str, ...] = ()
    """Keys past their time."""
    gone: tuple[str, ...] = ()
    """Keys whose account or trial is missing from the registry, and no record says since when."""
    done: tuple[str, ...] = ()
    """`gone:` records that have said what they had to: the entry is back, or its key is destroyed."""
    readable: tuple[str, ...] = ()
    """Keys that are destroyed and can still be read."""

    def entries(self, now_ms: int) -> dict[str, bytes | None]:
        """Return the records to write."""
        since = MissingSince(since_ms=now_ms).model_dump_json().encode()
        found: dict[str, bytes | None] = {GONE_PREFIX + name: since for name in self.gone}
        found |= dict.fromkeys((*self.done, *self.destroy))
        if self.readable:
            found[ROLL_KEY] = str(now_ms).encode()
        return found


def retention_actions(
    records: Sequence[LogRecord], registry: Registry, settings: Settings, now_ms: int
) -> KeyRetentionActions:
    """Return what is to be done at *now_ms*, given every record of the topic and the registry in force. Pure."""
    values = standing(records)
    keys = [name for name in values if is_hash_key(name)]
    until_ms = {TRIAL_PREFIX + trial.id: kept_until_ms(trial, registry, settings) for trial in registry.trials}
    present = {*until_ms, *(ACCOUNT_PREFIX + account.id for account in registry.accounts)}
    since_ms = _since(values)
    keep_ms = retention_ms(registry, settings)
    destroy = [
        name
        for name in keys
        if (name in until_ms and until_ms[name] <= now_ms)
        or (name not in present and name in since_ms and since_ms[name] + keep_ms <= now_ms)
    ]
    return KeyRetentionActions(
        destroy=tuple(destroy),
        gone=tuple(name for name in keys if name not in present and name not in since_ms),
        done=tuple(GONE_PREFIX + name for name in since_ms if name in present or name not in keys or name in destroy),
        readable=tuple(sorted({*_readable(records)} - {*keys})),
    )


def _since(values: Mapping[str, bytes]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in values.items():
        if name.startswith(GONE_PREFIX):
            try:
                found[name.removeprefix(GONE_PREFIX)] = MissingSince.model_validate_json(value).since_ms
            except ValidationError:
                log.warning("a record of a missing entry cannot be read and is written anew", name=name)
    return found


def _readable(records: Iterable[LogRecord]) -> Iterable[str]:
    names = ((record.key or b"").decode("utf-8", "replace") for record in records if record.value)
    return (name for name in names if is_hash_key(name))


class KeyRetention:
    """A thread that looks at the keys every `gateway.keys_every_s`; several do each other's work, and no harm."""

    def __init__(
        self, settings: Settings, directory: Callable[[], Directory], clock: Clock, *, prefix: str = ""
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._clock_watch = ClockWatch(clock, steady_s=settings.gateway.keys_every_s)
        self._topic = prefix + Topic.HASH_KEYS
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-retention", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def run_once(self) -> KeyRetentionActions:
        """Do what is due now, and return it. Raises `UnavailableError` where no broker answers."""
        registry = self._directory().registry
        if registry is None:
            return KeyRetentionActions()
        now_ms = self._clock.now_ms()
        with CompactedLog(self._settings.kafka, self._topic) as topic:
            actions = retention_actions(topic.read(), registry, self._settings, now_ms)
            topic.write(actions.entries(now_ms))
        if actions.destroy:
            GATEWAY_KEYS_DESTROYED.inc(len(actions.destroy))
            log.info("hash keys destroyed at their end", names=actions.destroy)
        GATEWAY_KEYS_OVERDUE.set(len(actions.destroy) + len(actions.readable))
        return actions

    def _run(self) -> None:
        # Not at once: what goes by a clock that is wrong when the machine starts is gone for good.
        while not self._stopping.wait(self._settings.gateway.keys_every_s):
            try:
                if self._clock_watch.is_steady():
                    self.run_once()
            except PipelineError as error:
                log.warning("the hash keys' retention waits", cause=str(error))
            except Exception:
                # Outermost loop of the thread: what was not done is due at the next turn.
                log.exception("the hash keys' retention failed and is tried again")
