"""Another number of partitions for `pilot-events.v1`: everything drained, the topic made anew, a new epoch begun.

Kafka can only add partitions, and a product's events would then go on in another one within the same topic, where
neither their order nor the dedupe of repeats would hold. A topic made anew has an id of its own, by which the worker,
the sink and the settlement know the new epoch. What was on the old topic is in ClickHouse by then.
"""

import time
from collections.abc import Callable

from avenue.client.topic_state import GroupState, TopicState, read_group, read_topics
from registry.epochs import ensure_topics_and_epoch, timing_from
from runtime.errors import ConfigurationError, UnavailableError
from runtime.kafka import KafkaError, make_admin, unavailable
from runtime.retries import poll_until
from runtime.settings import Settings
from schemas.registry import Epoch
from schemas.topics import ConsumerGroup, Topic, worker_group

# Longer than any publish that was under way when the gateways stopped.
QUIET_S = 20.0
GONE_S = 30.0
POLL_S = 0.25
SESSION_MARGIN_S = 5.0
"""The broker counts a member's session anew when it starts, and looks for the end of it now and then."""

Say = Callable[[str], None]


def resize(settings: Settings, partitions: int, *, quiet_s: float, say: Say) -> Epoch:
    """Give `pilot-events.v1` so many *partitions* and return the epoch that begins.

    All roles have to be stopped, everything read: nothing may be published for *quiet_s*, the worker's and the sink's
    groups have to be empty and at the end. Raises `ConfigurationError` where one of these does not hold (nothing was
    changed then) and `UnavailableError`.
    """
    timing_from(settings)
    states = {state.topic: state for state in read_topics(settings)}
    if Topic.METRICS not in states:
        raise ConfigurationError(f"there is no {Topic.EVENTS} yet; set AVENUE_KAFKA__PARTITIONS before the first start")
    # Without it, an earlier resize was cut short between the deletion and what follows.
    if before := states.get(Topic.EVENTS):
        _refuse_same(before, partitions)
        _refuse_readers(settings, before, say)
        _refuse_publishers(settings, before, quiet_s, say)
        say(f"making {Topic.EVENTS} anew with {partitions} partitions instead of {before.partitions}")
        _delete(settings)
    _widen_metrics(settings, states[Topic.METRICS], partitions)
    return ensure_topics_and_epoch(_with_partitions(settings, partitions))


def _refuse_same(before: TopicState, partitions: int) -> None:
    if before.partitions == partitions and before.epoch is not None:
        raise ConfigurationError(f"{Topic.EVENTS} has {partitions} partitions already")


def _refuse_readers(settings: Settings, before: TopicState, say: Say) -> None:
    for group, role, session_s in (
        (worker_group(before.epoch or 1), "worker", settings.worker.session_timeout_s),
        (ConsumerGroup.SINK, "sink", settings.sink.session_timeout_s),
    ):
        state = _once_empty(settings, group, session_s, say)
        if state.members:
            raise ConfigurationError(
                f"a {role} still runs (group {group}); stop gateways first, then workers and sinks"
            )
        if state.lag != 0:
            behind = "has read nothing" if state.lag is None else f"is {state.lag} records behind"
            raise ConfigurationError(
                f"the {role} {behind}: start it again, wait until `avenue doctor` says 0 records behind, stop it"
            )


def _once_empty(settings: Settings, group: str, session_s: float, say: Say) -> GroupState:
    """Return the state of *group* once it is empty, or after the session that a killed member still has."""
    state = read_group(settings, group, Topic.EVENTS)
    if not state.members:
        return state
    wait_s = session_s + SESSION_MARGIN_S
    say(f"waiting up to {wait_s:.0f} s for {state.members} members of {group} to be gone")
    return poll_until(
        lambda: read_group(settings, group, Topic.EVENTS),
        is_done=lambda found: not found.members,
        timeout_s=wait_s,
        every_s=POLL_S,
    )


def _refuse_publishers(settings: Settings, before: TopicState, quiet_s: float, say: Say) -> None:
    say(f"watching for {quiet_s:.0f} s whether anybody still publishes")
    time.sleep(quiet_s)
    after = next(state for state in read_topics(settings) if state.topic is Topic.EVENTS)
    if after.records != before.records:
        raise ConfigurationError(f"somebody still publishes to {Topic.EVENTS}; stop the gateways first")


def _delete(settings: Settings) -> None:
    """Delete the events' topic; the broker drops the groups' offsets on it with it."""
    admin = make_admin(settings.kafka)
    try:
        admin.delete_topics([str(Topic.EVENTS)])
        if not poll_until(lambda: Topic.EVENTS not in admin.list_topics(), timeout_s=GONE_S, every_s=POLL_S):
            raise UnavailableError(f"{Topic.EVENTS} is still there {GONE_S:.0f} s after its deletion; run this again")
    except KafkaError as error:
        raise unavailable(settings.kafka, f"{Topic.EVENTS} could not be deleted, run this again", error) from error
    finally:
        admin.close()


def _widen_metrics(settings: Settings, metrics: TopicState, partitions: int) -> None:
    """Each source writes to its own number; what is there stays, so it never gets fewer."""
    if metrics.partitions >= partitions:
        return
    admin = make_admin(settings.kafka)
    try:
        admin.create_partitions({str(Topic.METRICS): partitions})
    except KafkaError as error:
        raise unavailable(settings.kafka, f"{Topic.METRICS} could not be widened, run this again", error) from error
    finally:
        admin.close()


def _with_partitions(settings: Settings, partitions: int) -> Settings:
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": partitions})})
