"""`avenue trial rota`: draws from the registered seed, prints for a wall, writes into the file, and checks."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from avenue.__main__ import build
from avenue.demo.registry import demo_registry
from registry.file import load_registry

TRIAL = "neuro-band-demo"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the demo's registry with another seed, and with comments: its placements are not as drawn."""
    text = demo_registry(date(2026, 11, 22)).replace("demo-rota-2026", "another seed")
    text = text.replace('id = "p-017-push"', 'id = "p-017-push" # at the counter') + "# the end\n"
    path = tmp_path / "registry.toml"
    path.write_text(text)
    return path


def run(*words: str, code: int = 0) -> Result:
    told = CliRunner().invoke(build(), ["trial", "rota", TRIAL, *words])
    assert told.exit_code == code, told.output
    return told


def test_what_is_written_is_as_drawn_and_the_rest_of_the_file_stays(file: Path) -> None:
    before = file.read_text().splitlines()

    differing = run("--registry", str(file), "--check", code=1).output
    written = run("--write", str(file)).output
    after = file.read_text().splitlines()

    assert "p-017-push at m017: not as drawn on" in differing
    assert "placements written" in written
    assert "as drawn: 12 places, 56 days" in run("--registry", str(file), "--check").output
    assert [line for line in after if not line.startswith("arm_days")] == [
        line for line in before if not line.startswith("arm_days")
    ]
    at = after.index('id = "p-017-push" # at the counter')
    assert after[at + 2 : at + 4] == ['arm = "baseline"', "arm_days = " + line_of(file, "p-017-push")]
    assert run("--write", str(file)).output.startswith("0 placements written")


def line_of(file: Path, placement_id: str) -> str:
    (placement,) = (p for p in load_registry(file).placements if p.id == placement_id)
    days = ", ".join(day.isoformat() for day in placement.arm_days["pilot"])
    return f"{{ pilot = [{days}] }}"


def test_a_file_without_any_arm_days_gets_them_behind_the_arm(file: Path) -> None:
    file.write_text(re.sub(r"^arm_days = .*\n", "", file.read_text(), flags=re.MULTILINE))

    run("--write", str(file))

    lines = file.read_text().splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith("arm_days = ")]
    assert len(found) > 12
    assert all(lines[number - 1] == 'arm = "baseline"' for number in found)
    assert lines[-1] == "# the end"
    run("--registry", str(file), "--check")


def test_json_holds_the_whole_draw_and_toml_the_lines_of_the_placements(file: Path) -> None:
    told = json.loads(run("--registry", str(file), "--json").output)
    lines = tomllib.loads(run("--registry", str(file), "--format", "toml", "--place", "m017").output)

    days = dict(zip(told["days"], told["places"]["m017"], strict=True))
    assert told["rota"]["seed"] == "another seed"
    assert len(told["places"]) == 12
    assert {entry["id"] for entry in lines["placements"]} == {"p-017-sunmi", "p-017-push"}
    for entry in lines["placements"]:
        assert [day.isoformat() for day in entry["arm_days"]["pilot"]] == [
            d for d, arm in days.items() if arm == "pilot"
        ]


@pytest.mark.parametrize(
    ("lang", "title", "pilot", "seed"),
    [("zh", "轮换表 · 专注力头环", "试点组", "抽签"), ("en", "Rota · Focus headband", "Pilot", "lottery")],
)
def test_the_sheet_for_the_wall_is_in_both_languages(file: Path, lang: str, title: str, pilot: str, seed: str) -> None:
    told = json.loads(run("--registry", str(file), "--json").output)
    text = run("--registry", str(file), "--lang", lang).output
    page = run("--registry", str(file), "--lang", lang, "--format", "html").output
    on = sum(arms.count("pilot") for arms in told["places"].values())

    assert title in text
    assert title in page
    assert seed in text
    assert "another seed" in page
    assert text.count(f"● {pilot}") == on
    assert page.count(f'<td class="on">● {pilot}</td>') == on
    assert page.count('<th scope="row">') == len(told["days"]) == 56
    assert "http" not in page


def test_a_sheet_may_be_of_one_place(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "m017.html"

    run("--registry", str(file), "--format", "html", "--place", "m017", "-o", str(out))

    assert out.read_text().count('<th scope="col">') == 2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--place", "m17"), 2, "did you mean `m017`?"),
        (("--format", "pdf"), 2, "pdf"),
        (("-o", "/nowhere/rota.html"), 2, "cannot be written"),
        (("--check", "--json"), 1, '"as_drawn": false'),
    ],
)
def test_a_wrong_request_says_what_is_wrong(file: Path, words: tuple[str, ...], code: int, told: str) -> None:
    assert told in run("--registry", str(file), *words, code=code).output


@pytest.mark.parametrize(("trial", "told"), [("neuro-band-dem", "did you mean"), ("emg-arm-demo", "registers no rota")])
def test_a_trial_that_has_no_rota_says_how_to_have_one(file: Path, trial: str, told: str) -> None:
    found = CliRunner().invoke(build(), ["trial", "rota", trial, "--registry", str(file)])

    assert (found.exit_code, told in found.output) == (2, True)
