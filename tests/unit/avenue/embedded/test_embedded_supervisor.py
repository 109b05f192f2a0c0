"""The supervisor with children that only pretend, and a clock that is moved."""

import errno
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avenue.embedded.supervisor import (
    HURRY_GRACE_S,
    ChildCondition,
    ChildFailedError,
    ChildReport,
    SupervisedChild,
    Supervisor,
    backoff,
)
from runtime.settings import StackSettings

LIMITS = StackSettings(backoff_s=1.0, backoff_max_s=8.0, restarts=3, healthy_s=60, ready_s=100, stuck_s=30, drain_s=5)


@dataclass
class FakeChild:
    name: str
    journal: list[str]
    ends_when_asked: bool = True
    running: bool = False
    exit_code: int | None = None
    heard: ChildReport = field(default_factory=lambda: ChildReport(ChildCondition.READY))
    refuses_start: OSError | None = None

    def start(self) -> None:
        if self.refuses_start is not None:
            raise self.refuses_start
        self.running, self.exit_code = True, None
        self.journal.append(f"start {self.name}")

    def die(self, code: int) -> None:
        self.running, self.exit_code = False, code

    def report(self) -> ChildReport:
        return self.heard

    def ask_to_end(self) -> None:
        self.journal.append(f"ask {self.name}")
        if self.ends_when_asked:
            self.die(0)

    def kill(self) -> None:
        self.journal.append(f"kill {self.name}")
        self.die(-9)

    def close(self) -> None:
        pass

    def last_lines(self) -> list[str]:
        return ["the last thing it said"]


class World:
    """A supervisor, its clock, what its children were told and what people were told."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.said: list[str] = []
        self.journal: list[str] = []
        self.supervisor = Supervisor(
            LIMITS, self.said.append, now=lambda: self.time, jitter=lambda: 0.0, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.time += seconds

    def child(self, name: str, *, ends_when_asked: bool = True) -> FakeChild:
        child = FakeChild(name, self.journal, ends_when_asked)
        checked: SupervisedChild = child
        self.supervisor.add(checked)
        return child

    def after(self, seconds: float) -> None:
        self.time += seconds
        self.supervisor.tick()


@pytest.fixture
def world() -> World:
    return World()


def test_a_child_that_ends_is_started_again_after_a_wait_that_doubles(world: World) -> None:
    child = world.child("worker")
    for wait in (1.0, 2.0, 4.0):
        child.die(-9)
        world.after(0)
        world.after(wait * 0.9)
        assert not child.running

        world.after(wait * 0.2)
        assert child.running


def test_a_child_that_fails_too_often_ends_it_all_and_is_named_with_its_last_lines(world: World) -> None:
    child = world.child("worker")
    for _ in range(LIMITS.restarts):
        child.die(1)
        world.after(0)
        world.after(10)
    child.die(1)

    with pytest.raises(ChildFailedError, match="worker ended with exit code 1, 4 times in a row") as failure:
        world.after(0)

    assert "the last thing it said" in str(failure.value)


def test_failures_are_forgotten_after_a_healthy_while(world: World) -> None:
    child = world.child("worker")
    for _ in range(3 * LIMITS.restarts):
        child.die(1)
        world.after(0)
        world.after(10)
        world.after(0)
        world.after(LIMITS.healthy_s + 1)

    assert child.running


def test_a_child_that_refuses_its_settings_is_not_tried_again(world: World) -> None:
    child = world.child("worker")
    child.die(2)

    with pytest.raises(ChildFailedError, match="worker refuses its settings"):
        world.after(0)


@pytest.mark.parametrize("condition", [ChildCondition.STUCK, ChildCondition.SILENT])
def test_a_child_that_was_heard_and_then_is_stuck_or_silent_is_ended_and_started_again(
    world: World, condition: ChildCondition
) -> None:
    child = world.child("worker")
    world.after(0)

    child.heard = ChildReport(condition, "no progress")
    world.after(1)
    world.after(LIMITS.stuck_s + 1)
    world.after(0)
    world.after(2)

    assert world.journal == ["start worker", "kill worker", "start worker"]
    assert any("no progress" in line for line in world.said)


def test_a_child_that_is_still_starting_may_be_silent_for_longer(world: World) -> None:
    child = world.child("kafka")
    child.heard = ChildReport(ChildCondition.SILENT)
    world.after(0)

    world.after(LIMITS.stuck_s + 1)
    assert child.running

    world.after(LIMITS.ready_s)
    assert not child.running


def test_a_child_that_waits_for_another_is_left_alone(world: World) -> None:
    child = world.child("worker")
    child.heard = ChildReport(ChildCondition.UNREADY, "kafka: no answer")
    world.after(0)
    world.after(10 * LIMITS.ready_s)

    assert child.running
    assert world.supervisor.waiting_for() == ["worker (kafka: no answer)"]


def test_a_short_silence_does_not_count(world: World) -> None:
    child = world.child("worker")
    for _ in range(10):
        child.heard = ChildReport(ChildCondition.SILENT)
        world.after(LIMITS.stuck_s * 0.7)
        child.heard = ChildReport(ChildCondition.READY)
        world.after(1)

    assert world.journal == ["start worker"]


def test_all_are_ready_only_when_each_is(world: World) -> None:
    world.child("kafka")
    late = world.child("worker")
    late.heard = ChildReport(ChildCondition.UNREADY, "reading")
    world.after(0)
    assert not world.supervisor.all_ready

    late.heard = ChildReport(ChildCondition.READY)
    world.after(0)
    assert world.supervisor.all_ready


@pytest.mark.parametrize(("hurry", "seconds"), [(False, LIMITS.drain_s), (True, HURRY_GRACE_S)])
def test_a_drain_ends_the_last_first_and_kills_what_does_not_end(world: World, *, hurry: bool, seconds: float) -> None:
    world.child("kafka")
    world.child("worker", ends_when_asked=False)
    world.child("server")
    began = world.time

    killed = world.supervisor.drain(lambda: hurry)

    assert world.journal[3:] == ["ask server", "ask worker", "kill worker", "ask kafka"]
    assert killed == ["worker"]
    assert world.time - began == pytest.approx(seconds, abs=0.2)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_is_never_longer_than_its_bound_nor_shorter_than_its_beginning(failures: int, jitter: float) -> None:
    wait = backoff(failures, limits=LIMITS, jitter=jitter)

    assert 0.8 * LIMITS.backoff_s <= wait <= LIMITS.backoff_max_s


def test_who_ends_while_the_disk_is_full_is_not_to_blame_and_starts_again_when_there_is_room(world: World) -> None:
    child = world.child("kafka")
    world.supervisor.obstacle = lambda: "the disk of /home is full (0 MB free)"
    for _ in range(3 * LIMITS.restarts):
        child.die(1)
        world.after(0)
        world.after(60)
    assert not child.running
    assert world.said[0] == (
        "kafka ended with exit code 1, and the disk of /home is full (0 MB free); it is started again when there is room"
    )
    assert len(world.said) == 1

    world.supervisor.obstacle = lambda: None
    world.after(0)

    assert child.running


def test_settings_that_a_child_refuses_on_a_full_disk_are_not_taken_for_wrong(world: World) -> None:
    child = world.child("server")
    world.supervisor.obstacle = lambda: "the disk of /home is full (0 MB free)"
    child.die(2)
    world.after(0)
    world.supervisor.obstacle = lambda: None

    world.after(2)

    assert child.running


def test_a_start_that_the_disk_refuses_is_tried_again(world: World) -> None:
    child = world.child("kafka")
    child.die(-9)
    world.after(0)
    child.refuses_start = OSError(errno.ENOSPC, "No space left on device", "/home/kafka.out.log")
    world.after(2)
    assert not child.running
    assert "could not be started (/home/kafka.out.log: no space left on device" in world.said[-1]

    child.refuses_start = None
    world.after(60)

    assert child.running
