"""The lottery of a trial's places: fair, the same for the same seed, and what the placements say."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.directory import Directory
from registry.file import check_registry
from registry.render import render
from registry.rota import PERIOD_DAYS, draw_rota, placed_by_rota, rota_differences, rota_places
from schemas.registry import BilingualText, Registry, Rota, Trial, day_ms
from schemas.timing import DAY_MS
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.properties import examples

STARTS = datetime(2026, 10, 1, tzinfo=UTC)
ARMS = ("baseline", "pilot", "pilot-b", "pilot-c")


def trial(*, seed: str = "x", block: str = "day", days: int = 28, arms: int = 2) -> Trial:
    """Return a trial of whole days in the street's time."""
    starts = STARTS - timedelta(hours=8)
    return Trial(
        id="t",
        product="p",
        starts=starts,
        ends=starts + timedelta(days=days),
        arms=list(ARMS[:arms]),
        hypothesis=BilingualText(zh="一", en="one"),
        primary_metric="success_rate",
        rota=Rota.model_validate({"seed": seed, "block": block}),
    )


def places(count: int) -> list[str]:
    return [f"m{number:03d}" for number in range(count)]


TRIALS = st.builds(
    trial,
    seed=st.text(min_size=1, max_size=64),
    block=st.sampled_from(sorted(PERIOD_DAYS)),
    days=st.integers(1, 90),
    arms=st.integers(2, 4),
)


@examples(60)
@given(TRIALS, st.integers(1, 13))
def test_every_place_has_each_arm_once_in_a_block_and_each_day_has_arms_alike(of: Trial, count: int) -> None:
    drawn = draw_rota(of, places(count))
    length = PERIOD_DAYS[of.rota.block if of.rota else "day"]
    whole = len(of.arms) * length

    assert len(drawn.arms) == count
    assert {len(arms) for arms in drawn.arms.values()} == {len(drawn.days)}
    for arms in drawn.arms.values():
        for start in range(0, len(drawn.days) - whole + 1, whole):
            assert set(Counter(arms[start : start + whole]).values()) == {length}
    for column in zip(*drawn.arms.values(), strict=True):
        numbers = [Counter(column)[arm] for arm in of.arms]
        assert max(numbers) - min(numbers) <= 1


@examples(60)
@given(TRIALS, st.permutations(places(9)))
def test_the_same_seed_draws_the_same_whatever_the_order_of_places(of: Trial, shuffled: list[str]) -> None:
    assert draw_rota(of, places(9)) == draw_rota(of, shuffled)


def test_other_seeds_draw_evenly_and_no_place_is_bound_to_an_order() -> None:
    first = Counter(draw_rota(trial(seed=str(n), days=2), places(4)).arms["m002"][0] for n in range(400))
    pairs = Counter(
        draw_rota(trial(seed=str(n), days=2), places(4)).arms["m000"][0]
        == draw_rota(trial(seed=str(n), days=2), places(4)).arms["m001"][0]
        for n in range(400)
    )

    assert first["pilot"] == pytest.approx(200, abs=40)
    # Two of four are in an arm: of the three others one is in the same.
    assert pairs[True] == pytest.approx(400 / 3, abs=40)


def test_anybody_can_draw_it_again_from_what_the_documents_say() -> None:
    """The rule in this module's own words, without the code: SHA-256 of `seed/trial/block/place:ID`, ranks, rotation."""

    def ranked(names: list[str], salt: str) -> list[str]:
        return sorted(names, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).hexdigest())

    drawn = draw_rota(trial(seed="3906.43", days=4), places(5))

    assert len(drawn.arms) == 5
    for block in (0, 1):
        arms = ranked(["baseline", "pilot"], f"3906.43/t/{block}/arm")
        for rank, place in enumerate(ranked(places(5), f"3906.43/t/{block}/place")):
            assert drawn.arms[place][2 * block : 2 * block + 2] == (arms[rank % 2], arms[(rank + 1) % 2])


def test_days_are_the_streets_and_those_that_the_trial_only_touches_count() -> None:
    late = trial().model_copy(update={"starts": STARTS + timedelta(hours=4), "ends": STARTS + timedelta(hours=28)})

    assert [day.isoformat() for day in draw_rota(late, ["a"]).days] == ["2026-10-01", "2026-10-02"]


def test_a_trial_without_a_rota_draws_nothing() -> None:
    with pytest.raises(ValueError, match="no rota"):
        draw_rota(trial().model_copy(update={"rota": None}), ["a"])


def example(seed: str = "x") -> Registry:
    """Return the example registry, the trial of the headband with a rota, its placements as drawn."""
    text = EXAMPLE_REGISTRY.read_text().replace(
        'arms = ["baseline", "pilot"]', f'arms = ["baseline", "pilot"]\nrota = {{ seed = "{seed}" }}', 1
    )
    checked = check_registry(text.encode())
    assert checked.registry is not None, checked.problems
    registry, of = checked.registry, checked.registry.trials[0]
    drawn = draw_rota(of, rota_places(registry, of))
    return registry.model_copy(update={"placements": [placed_by_rota(p, of, drawn) for p in registry.placements]})


def test_placements_as_drawn_are_a_sound_file_and_no_place_is_in_two_arms_at_a_time() -> None:
    registry = example()
    checked = check_registry(render(registry).encode())

    assert (checked.problems, checked.warnings) == ((), ())
    assert checked.registry == registry
    assert any(placement.arm_days for placement in registry.placements)


def test_placements_that_are_not_as_drawn_are_named_with_their_days_and_warned_of() -> None:
    registry = example()
    of = registry.trials[0]
    drawn = draw_rota(of, rota_places(registry, of))
    moved = [p.model_copy(update={"arm_days": {}}) if p.id == "p-017" else p for p in registry.placements]
    wrong = registry.model_copy(update={"placements": moved})

    (found,) = rota_differences(wrong, of, drawn)
    (warning,) = check_registry(render(wrong).encode()).warnings

    assert rota_differences(registry, of, drawn) == ()
    assert (found.placement_id, len(found.days)) == ("p-017", 46)
    assert all(drawn.arm("p-017", day) == "pilot" for day in found.days)
    assert "46 days" in warning.message
    assert warning.where == 'placements "p-017", arm'


def test_the_directory_knows_the_arm_of_each_day_and_cuts_spans_where_it_changes() -> None:
    registry = example()
    of = registry.trials[0]
    drawn = draw_rota(of, rota_places(registry, of))
    placed = Directory(registry=registry).placed["p-017"]
    first_ms, days = day_ms(drawn.days[0]), len(drawn.days)

    assert [placed.arm_at(first_ms + number * DAY_MS) for number in range(days)] == list(drawn.arms["p-017"])
    assert placed.arm_at(first_ms + DAY_MS - 1) == drawn.arms["p-017"][0]
    assert placed.arms == ("baseline", "pilot")
    parts = list(placed.by_arm([(first_ms, first_ms + days * DAY_MS)]))
    assert parts[0][1][0] == first_ms
    assert parts[-1][1][1] == first_ms + days * DAY_MS
    assert all(one[1][1] == other[1][0] and one[0] != other[0] for one, other in pairwise(parts))
    assert sum((end - start) for arm, (start, end) in parts if arm == "pilot") == 46 * DAY_MS


def test_the_directorys_moments_hold_every_change_of_arm() -> None:
    directory = Directory(registry=example())
    placed = directory.placed["p-017"]
    changes = {start for _, (start, _) in placed.by_arm([(placed.from_ms, placed.until_ms)])}

    assert len(changes) > 40
    assert changes <= set(directory.moments)
