"""What was changed in a trial's plan after its start is kept: with the time, the old value, and what stood at the start."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.directory import Directory
from registry.file import load_registry
from registry.plan_history import changed_plans, changes_of, plan_standing
from registry.state import RegistryState
from runtime.errors import ConfigurationError
from runtime.kafka import LogRecord
from schemas.registry import MAX_PLAN_CHANGES, BilingualText, Registry, RegistryEntry, TrialPlan
from tests.support.paths import EXAMPLE_REGISTRY

TRIAL = "neuro-band-2026q4"
EXAMPLE = load_registry(EXAMPLE_REGISTRY)
STARTS = EXAMPLE.trials[0].starts
BEFORE, AFTER = STARTS - timedelta(days=9), STARTS + timedelta(days=9)


def with_trial(**changes: Any) -> Registry:
    """Return the example with its first trial changed."""
    trials = [t.model_copy(update=changes) if t.id == TRIAL else t for t in EXAMPLE.trials]
    return EXAMPLE.model_copy(update={"trials": trials})


class Topic:
    """The topic in memory, and who applies to it."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def put(self, key: str, entry: RegistryEntry | None) -> None:
        content = b"" if entry is None else entry.model_dump_json(by_alias=True).encode()
        self.records.append(LogRecord("registry.v1", 0, len(self.records), 0, key.encode(), content, {}))

    def apply(self, registry: Registry, now: datetime) -> Directory:
        for trial, plan in changed_plans(self.directory(), registry, now=now).items():
            self.put(f"plan:{trial}", plan)
        self.put("registry:file", registry)
        return self.directory()

    def directory(self) -> Directory:
        state = RegistryState()
        for record in self.records:
            state.apply(record)
        return state.directory()


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_a_plan_applied_before_the_start_and_left_alone_is_fixed(topic: Topic) -> None:
    topic.apply(EXAMPLE, BEFORE)
    directory = topic.apply(with_trial(ends=EXAMPLE.trials[0].ends), AFTER)

    assert plan_standing(directory, TRIAL) == "fixed"
    assert changes_of(directory, TRIAL) == ()
    assert len(topic.records) == 2 + 1 + 1


def test_before_the_start_anything_may_be_changed_and_the_last_plan_counts(topic: Topic) -> None:
    topic.apply(with_trial(primary_metric="orders"), BEFORE)
    directory = topic.apply(EXAMPLE, BEFORE + timedelta(days=1))

    assert plan_standing(directory, TRIAL) == "fixed"
    assert directory.plans[TRIAL].plan["primary_metric"] == "success_rate"


def test_what_is_changed_after_the_start_is_kept_with_time_and_old_value(topic: Topic) -> None:
    topic.apply(with_trial(planned_units=180), BEFORE)
    other = BilingualText(zh="别的", en="something else")
    topic.apply(with_trial(planned_units=60, hypothesis=other, guardrails=[]), AFTER)
    directory = topic.apply(with_trial(planned_units=40, hypothesis=other, guardrails=[]), AFTER + timedelta(days=1))

    changes = changes_of(directory, TRIAL)
    assert [(c.field, c.old, c.new) for c in changes if c.field == "planned_units"] == [
        ("planned_units", 180, 60), ("planned_units", 60, 40),
    ]  # fmt: skip
    assert {c.field for c in changes} == {"planned_units", "hypothesis", "guardrails"}
    assert {c.at for c in changes} == {AFTER, AFTER + timedelta(days=1)}
    assert plan_standing(directory, TRIAL) == "changed"
    assert directory.trials[TRIAL].planned_units == 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", STARTS + timedelta(days=20)),
        ("ends", EXAMPLE.trials[0].ends + timedelta(days=20)),
        ("baseline_from", STARTS - timedelta(days=5)),
        ("arms", ["baseline", "pilot", "third"]),
        ("smallest_effect", 0.01),
        ("primary_metric", "orders"),
        ("more_primary_metrics", ["orders"]),
        ("carry_over", 2),
        ("rota", {"seed": "x", "block": "day", "places": None}),
    ],
)
def test_every_field_of_the_plan_is_kept_and_a_start_moved_away_does_not_hide_a_change(
    topic: Topic, name: str, value: Any
) -> None:
    topic.apply(EXAMPLE, BEFORE)
    changed = Registry.model_validate(
        {
            **EXAMPLE.model_dump(),
            "trials": [{**EXAMPLE.trials[0].model_dump(by_alias=True), name: value}, EXAMPLE.trials[1]],
        }
    )
    topic.apply(changed, AFTER)
    directory = topic.apply(EXAMPLE, AFTER + timedelta(days=1))

    there, back = changes_of(directory, TRIAL)
    assert (there.field, there.old, there.new) == (name, back.new, back.old)


def test_a_metric_added_to_a_plan_of_before_there_could_be_several_is_told(topic: Topic) -> None:
    kept = topic.apply(EXAMPLE, BEFORE).plans[TRIAL]
    old = {name: value for name, value in kept.plan.items() if name != "more_primary_metrics"}
    assert len(old) == len(kept.plan) - 1
    topic.put(f"plan:{TRIAL}", kept.model_copy(update={"plan": old}))

    assert changes_of(topic.apply(EXAMPLE, AFTER), TRIAL) == ()
    topic.put(f"plan:{TRIAL}", kept.model_copy(update={"plan": old}))
    directory = topic.apply(with_trial(more_primary_metrics=["orders"]), AFTER)
    assert [(c.field, c.old, c.new) for c in changes_of(directory, TRIAL)] == [("more_primary_metrics", [], ["orders"])]


def test_one_moment_in_another_offset_is_no_change(topic: Topic) -> None:
    topic.apply(EXAMPLE, BEFORE)

    directory = topic.apply(with_trial(starts=STARTS.astimezone(UTC)), AFTER)

    assert (plan_standing(directory, TRIAL), changes_of(directory, TRIAL)) == ("fixed", ())


def test_taken_out_and_put_in_again_it_keeps_its_history(topic: Topic) -> None:
    topic.apply(EXAMPLE, BEFORE)
    without = EXAMPLE.model_copy(
        update={
            "trials": [t for t in EXAMPLE.trials if t.id != TRIAL],
            "placements": [p for p in EXAMPLE.placements if p.trial != TRIAL],
        }
    )
    topic.apply(without, AFTER)
    directory = topic.apply(with_trial(primary_metric="orders"), AFTER + timedelta(days=1))

    assert [(c.field, c.old) for c in changes_of(directory, TRIAL)] == [("primary_metric", "success_rate")]


def test_a_plan_first_applied_after_the_start_is_never_called_fixed(topic: Topic) -> None:
    directory = topic.apply(EXAMPLE, AFTER)

    assert plan_standing(directory, TRIAL) == "late"


def test_yesterdays_topic_is_read_and_its_plan_is_kept_from_the_next_apply_on(topic: Topic) -> None:
    topic.put("registry:file", EXAMPLE)
    assert plan_standing(topic.directory(), TRIAL) == "unknown"

    directory = topic.apply(with_trial(primary_metric="orders"), AFTER)

    assert [(c.field, c.old, c.new) for c in changes_of(directory, TRIAL)] == [
        ("primary_metric", "success_rate", "orders")
    ]
    assert plan_standing(directory, TRIAL) == "changed"


def test_a_field_that_an_older_version_did_not_keep_is_no_change(topic: Topic) -> None:
    topic.apply(EXAMPLE, BEFORE)
    plan = topic.directory().plans[TRIAL]
    older = {name: value for name, value in plan.plan.items() if name != "rota"}
    topic.put(f"plan:{TRIAL}", plan.model_copy(update={"plan": older}))

    assert changes_of(topic.apply(EXAMPLE, AFTER), TRIAL) == ()


def test_a_history_has_an_end_and_says_the_way_out(topic: Topic) -> None:
    topic.apply(EXAMPLE, BEFORE)
    kept = topic.directory().plans[TRIAL]
    topic.apply(with_trial(planned_units=1), AFTER)
    (change,) = changes_of(topic.directory(), TRIAL)
    full = TrialPlan.model_validate({**kept.model_dump(), "changes": [change.model_dump()] * MAX_PLAN_CHANGES})
    topic.put(f"plan:{TRIAL}", full)

    with pytest.raises(ConfigurationError, match="register a new one"):
        changed_plans(topic.directory(), with_trial(planned_units=2), now=AFTER)
