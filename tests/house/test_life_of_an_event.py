"""The tour is true: what it names is entered by a real event, and in its order.

A line goes by the runs that the comment above it names; without one by a receipt's, from the store on by the one that
is stored on the real engine. `layout` is for a line that says where all of it stands, a path for a test that goes there. Order is that of the first run of each line, unless it adds
`any order`: what is remembered is looked at early and filled late.
"""

import asyncio
import importlib
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.clickhouse import ClickHouse
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.entered import Entered
from tests.support.paths import DOCS, ROOT
from tests.support.tour_runs import RUNS, STORE_RUNS

pytestmark = pytest.mark.clickhouse

NAMED = re.compile(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)")
ANY_ORDER = "any order"
BEFORE_THE_STORE = 4
"""So many sections happen before it."""


@dataclass(frozen=True)
class Step:
    """A name of the tour, and the runs that enter it."""

    section: str
    name: str
    path: str
    runs: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """Return what the tour names, in its order."""
    found: list[Step] = []
    for number, section in enumerate(re.split(r"^## ", text, flags=re.MULTILINE)[1:], start=1):
        title, *lines = section.splitlines()
        usual = runs = "receipt" if number <= BEFORE_THE_STORE else "stored"
        for line in lines:
            if comment := re.fullmatch(r"<!-- runs: (.+) -->", line):
                runs = comment[1]
                continue
            found += [Step(title, name, path, tuple(runs.split(", "))) for name, path in NAMED.findall(line)]
            runs = usual
    return found


TOUR = steps((DOCS / "life-of-an-event.md").read_text())


@pytest.fixture(scope="module")
def entered(_store_stays_open: None, clickhouse_folder: Path | None) -> dict[str, Entered]:
    forget_what_others_asked(TOUR)
    found = {name: asyncio.run(run()) for name, run in RUNS.items()}
    for name, on_store in STORE_RUNS.items():
        database = f"t_{uuid.uuid4().hex[:12]}"
        store = ClickHouse(clickhouse_settings(database), path=clickhouse_folder)
        migrate(store)
        found[name] = on_store(store)
        store.writer().command(f"DROP DATABASE IF EXISTS {database}")
        store.close()
    return found


def forget_what_others_asked(tour: list[Step]) -> None:
    """Empty the caches of what *tour* names: a test before this one in the same process may have filled them."""
    for step in tour:
        module = importlib.import_module(step.path.removesuffix(".py").replace("/", "."))
        clear = getattr(getattr(module, step.name.partition(".")[0], None), "cache_clear", None)
        if clear is not None:
            clear()


def at(entered: dict[str, Entered], run: str, step: Step) -> int | None:
    """Return when *run* entered it first."""
    return entered[run].first(step.path, step.name) if run in entered else None


def not_entered(tour: list[Step], entered: dict[str, Entered]) -> list[str]:
    return [
        f"{step.section}: {step.name}"
        for step in tour
        if step.runs[0] in entered and not any(at(entered, run, step) is not None for run in step.runs)
    ]


def test_what_the_tour_names_is_entered(entered: dict[str, Entered]) -> None:
    assert len(TOUR) > 50
    assert len({step.section for step in TOUR}) == 7
    assert not_entered(TOUR, entered) == []


def test_the_tour_goes_in_the_order_of_the_way(entered: dict[str, Entered]) -> None:
    told, happened = [], []
    for section in dict.fromkeys(step.section for step in TOUR):
        for run in entered:
            first = {
                step.name: when
                for step in TOUR
                if (step.section, step.runs[0]) == (section, run)
                and ANY_ORDER not in step.runs
                and (when := at(entered, run, step)) is not None
            }
            told.append((section, run, list(first)))
            happened.append((section, run, sorted(first, key=first.__getitem__)))
    assert told == happened


def test_what_another_test_enters_is_named_there() -> None:
    elsewhere = [(step.name, step.runs[0]) for step in TOUR if step.runs[0] not in {*RUNS, *STORE_RUNS, "layout"}]
    assert elsewhere
    assert [(name, path) for name, path in elsewhere if name.split(".")[-1].lower() not in _words(path)] == []


def _words(path: str) -> str:
    """Return what a test and the helpers that it imports say."""
    text = (ROOT / path).read_text()
    helpers = re.findall(r"^from (tests[\w.]+) import", text, re.MULTILINE)
    return "\n".join([text, *((ROOT / f"{name.replace('.', '/')}.py").read_text() for name in helpers)]).lower()


def test_a_name_that_is_off_the_way_is_seen(entered: dict[str, Entered]) -> None:
    stray = Step("1. Taken in", "PushPipeline.push_batch", "producers/gateway/pipeline.py", ("receipt",))

    assert not_entered([stray], entered) == ["1. Taken in: PushPipeline.push_batch"]
