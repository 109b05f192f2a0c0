"""`avenue judge` reads a file, names every bad line, and says what the verdict says."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avenue.__main__ import build
from reports.stats import judge
from reports.stats.trial_rows import UnitRow

HEAD = "period,arm,place,day,numerator,denominator"


def rows() -> list[UnitRow]:
    arms, rng = ("baseline", "pilot"), random.Random(1)
    drawn = [(place, day, arms[(place + day) % 2]) for place in range(4) for day in range(40)]
    return [
        UnitRow("trial", arm, f"place {place}", day, 20 + 4 * (arm == "pilot") + rng.gauss(0, 1), 40)
        for place, day, arm in drawn
    ]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8-sig")
    return path


def test_the_file_is_judged_as_its_rows_are(tmp_path: Path) -> None:
    file = written(tmp_path / "days.csv", [",".join(map(str, row)) for row in rows()])

    told = CliRunner().invoke(build(), ["judge", str(file), "--json", "--smallest-effect", "0.01"])

    found = judge(rows(), smallest_effect=0.01)
    assert told.exit_code == 0
    assert json.loads(told.output)["design"] == found.design == "switching"
    assert json.loads(told.output)["lifts"]["pilot"]["low"] == found.lifts["pilot"].low


def test_people_are_told_what_was_compared_and_how_sure_it_is(tmp_path: Path) -> None:
    file = written(tmp_path / "days.csv", [",".join(map(str, row)) for row in rows()])

    lines = CliRunner().invoke(build(), ["judge", str(file)]).output.splitlines()

    assert lines[0] == "design: switching"
    assert lines[1].startswith("baseline: 0.5")
    assert lines[3].startswith("pilot against baseline: 0.09")
    assert lines[3].endswith("): higher")


def test_the_course_ends_with_the_verdict_and_a_true_difference_is_rare_among_random_splits(tmp_path: Path) -> None:
    file = written(tmp_path / "days.csv", [",".join(map(str, row)) for row in rows()])

    told = json.loads(
        CliRunner().invoke(build(), ["judge", str(file), "--course", "--placebo", "200", "--json"]).output
    )
    lines = CliRunner().invoke(build(), ["judge", str(file), "--course", "--placebo", "200"]).output.splitlines()

    assert [one["day"] for one in told["course"]] == list(range(40))
    assert told["course"][5]["verdict"]["lifts"]["pilot"]["low"] is None
    assert told["course"][-1]["verdict"]["lifts"]["pilot"] == told["lifts"]["pilot"]
    assert (told["placebo"]["pilot"]["splits"], told["placebo"]["pilot"]["as_far"]) == (200, 0)
    assert lines[4].startswith("day 0, pilot: ")
    assert lines[-1] == "pilot: of 200 random splits 0 look as far from nothing"


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "days.csv", ["trial,a,b,x,1,1", "trial,a,b,1,1,1", "trial,a,b,1,much,1", "trial,a,b,1"])

    told = CliRunner().invoke(build(), ["judge", str(file)])

    assert told.exit_code == 2
    assert told.stderr.splitlines() == [
        "line 2: day must be an integer",
        "line 4: numerator must be a finite number",
        "line 5: numerator must be a finite number",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "missing: period, arm, place, day"),
        (HEAD + "\n", "has no line of a placement-day"),
    ],
)
def test_a_file_that_is_none_is_refused_by_what_it_lacks(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "days.csv"
    file.write_text(text)

    told = CliRunner().invoke(build(), ["judge", str(file)])

    assert (told.exit_code, said in told.stderr) == (2, True)
