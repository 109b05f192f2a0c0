"""The plan: what would change, field by field, and what of it may hurt."""

from datetime import UTC, datetime

import pytest

from registry.directory import Directory
from registry.file import check_registry, load_registry
from registry.plan import EntryChange, FieldChange, RegistryPlan, plan_of, render_plan
from schemas.registry import AccessKey, Registry
from tests.support.paths import EXAMPLE_REGISTRY

DURING = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE = datetime(2026, 9, 1, tzinfo=UTC)


def edited(*replacements: tuple[str, str]) -> Registry:
    """Return the example with each pair's first text replaced, once."""
    text = EXAMPLE_REGISTRY.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    checked = check_registry(text.encode())
    assert checked.registry is not None, checked.problems
    return checked.registry


def planned(new: Registry, *, now: datetime = DURING, keys: tuple[AccessKey, ...] = ()) -> RegistryPlan:
    """Return the plan over the example, in force as version 7."""
    directory = Directory(version=7, registry=load_registry(EXAMPLE_REGISTRY), keys={key.sha256: key for key in keys})
    return plan_of(directory, new, now=now)


def without_placement(name: str) -> Registry:
    """Return the example without one placement."""
    example = load_registry(EXAMPLE_REGISTRY)
    return example.model_copy(update={"placements": [p for p in example.placements if p.id != name]})


def test_the_same_registry_changes_nothing() -> None:
    plan = planned(load_registry(EXAMPLE_REGISTRY))

    assert (plan.changes, plan.warnings) == ((), ())
    assert list(render_plan(plan)) == ["nothing would change (version 7 is in force)"]


def test_the_same_moment_with_another_offset_is_no_change() -> None:
    assert planned(edited(("2026-10-01T00:00:00+08:00", "2026-09-30T16:00:00Z"))).changes == ()


def test_the_first_registry_is_all_added_and_warns_of_nothing() -> None:
    plan = plan_of(Directory(), load_registry(EXAMPLE_REGISTRY), now=DURING)

    assert {change.action for change in plan.changes} == {"added"}
    assert len(plan.changes) == 1 + 2 + 2 + 2 + 5 + 8
    assert plan.warnings == ()


def test_a_changed_field_shows_old_and_new() -> None:
    plan = planned(edited(('zone = "kiosk"', 'zone = "tea"')))

    assert plan.changes == (
        EntryChange("placements", "p-040-douyin", "changed", (FieldChange("zone", "kiosk", "tea"),)),
    )
    assert '    zone: "kiosk" → "tea"' in list(render_plan(plan))


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('primary_metric = "success_rate"', 'primary_metric = "uptime"', "primary_metric would change"),
        ("佩戴头环", "戴头环", "hypothesis would change"),
        ('arms = ["pilot"]', 'arms = ["pilot", "b"]', "arms would change"),
        ("metre = 17", "metre = 16", "placement p-017 stands since"),
        ('["plain:mt_sign_key"]', '["plain:other"]', "flow service would have other secrets altogether"),
        (', service = ["plain:mt_sign_key"]', "", "flow service would have no secret"),
    ],
)
def test_what_may_hurt_is_warned_of(old: str, new: str, warning: str) -> None:
    (found,) = planned(edited((old, new))).warnings

    assert warning in found


@pytest.mark.parametrize(("day", "warned"), [("2026-11-01", True), ("2026-11-02", False)])
def test_a_placement_in_another_arm_on_a_day_that_has_begun_is_warned_of(day: str, warned: bool) -> None:
    plan = planned(edited(('zone = "café"\n', f'zone = "café"\narm_days = {{ baseline = [{day}] }}\n')))

    assert [change.fields for change in plan.changes] == [(FieldChange("arm_days", {}, {"baseline": [day]}),)]
    assert [f"another arm on {day}" in warning for warning in plan.warnings] == ([True] if warned else [])


def test_before_its_start_a_trial_may_be_changed_without_a_warning() -> None:
    assert planned(edited(('primary_metric = "success_rate"', 'primary_metric = "uptime"')), now=BEFORE).warnings == ()


def test_rotating_a_secret_with_both_in_the_list_is_no_warning() -> None:
    plan = planned(edited(('["plain:mt_sign_key"]', '["plain:other", "plain:mt_sign_key"]')))

    assert [change.id for change in plan.changes] == ["meituan-main"]
    assert plan.warnings == ()


def test_removing_a_standing_placement_is_warned_of() -> None:
    plan = planned(without_placement("p-018"))

    assert plan.changes == (EntryChange("placements", "p-018", "removed"),)
    assert "unknown_placement" in plan.warnings[0]


def test_keys_of_a_startup_that_goes_are_named() -> None:
    key = AccessKey(id="k-1", scope="startup:gone", sha256="0" * 64, prefix="avk_sAAAA", created_at=BEFORE)

    plan = planned(load_registry(EXAMPLE_REGISTRY), keys=(key,))

    assert "avenue key revoke k-1" in plan.warnings[0]


def test_a_plan_never_shows_a_plain_secret() -> None:
    plan = planned(edited(("plain:mt_sign_key", "plain:hunter2"), ("plain:sunmi_test_appkey", "plain:hunter3")))

    shown = "\n".join(render_plan(plan)) + str(plan.as_json())

    assert "hunter" not in shown
    assert "mt_sign_key" not in shown


def test_a_plan_shows_a_channel_and_never_its_plain_address() -> None:
    channel = '\n[[channels]]\nid = "c-1"\nstartup = "calmwave"\naddress = "plain:feishu://hunter2"\n'
    checked = check_registry((EXAMPLE_REGISTRY.read_text() + channel).encode())
    assert checked.registry is not None

    plan = planned(checked.registry)

    assert [(change.entry_type, change.id, change.action) for change in plan.changes] == [("channels", "c-1", "added")]
    assert "plain:…" in str(list(render_plan(plan)))
    assert "hunter2" not in str(list(render_plan(plan))) + str(plan.as_json())
