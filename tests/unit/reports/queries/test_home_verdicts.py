"""The list of trials judges a few of them for an answer, keeps what it found, and never judges all."""

from itertools import count
from typing import Any

import pytest

from registry.directory import Directory
from reports.queries import home_verdicts
from reports.queries.context import QueryContext
from reports.queries.home_verdicts import BUDGET_S, STALE_MS, known_verdicts
from reports.queries.readout import TrialReadout
from reports.queries.verdict_cache import VerdictBoard
from schemas.registry import Registry, Trial
from tests.support.readout_harness import TRIAL, side_by_side, street
from tests.support.reports_harness import DAY, START

NOW = START + 20 * DAY + DAY // 2
MANY = 50


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which trials a readout was made of, in order."""
    found: list[str] = []

    def noted(_context: QueryContext, trial_id: str, _metrics: object) -> TrialReadout:
        found.append(trial_id)
        nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
        return TrialReadout(**{**nothing, "rows": ()})

    monkeypatch.setattr(home_verdicts, "readout", noted)
    return found


def trials() -> list[Trial]:
    known = street(side_by_side(2, 60)).trials[TRIAL]
    return [known.model_copy(update={"id": f"t-{n}"}) for n in range(MANY)]


def context(board: VerdictBoard, now_ms: int = NOW, version: int = 1) -> QueryContext:
    nobody: Any = None
    return QueryContext(nobody, Directory(version, _registry()), now_ms, verdict_board=board)


def _registry() -> Registry:
    found = street(side_by_side(2, 60)).registry
    assert found is not None
    return found.model_copy(update={"trials": trials()})


def ticking(step_s: float) -> Any:
    moments = (n * step_s for n in count())
    return lambda: next(moments)


def test_an_answer_judges_as_many_as_its_time_allows_and_names_the_rest(judged: list[str]) -> None:
    known, rest = known_verdicts(context(VerdictBoard()), trials(), clock_s=ticking(BUDGET_S / 2.5))

    assert judged == list(known) == ["t-0", "t-1"]
    assert [trial.id for trial in rest] == [f"t-{n}" for n in range(2, MANY)]


def test_what_is_known_is_not_judged_again_until_the_day_or_the_registry_changes(judged: list[str]) -> None:
    board = VerdictBoard()
    first = trials()[:3]
    known_verdicts(context(board), first)
    assert len(judged) == 3

    known, rest = known_verdicts(context(board, NOW + STALE_MS), first)
    assert (len(known), rest, len(judged)) == (3, (), 3)

    known_verdicts(context(board, NOW + DAY), first)
    assert len(judged) == 6
    known_verdicts(context(board, NOW + DAY, version=2), first)
    assert len(judged) == 9


def test_a_stale_verdict_is_shown_and_judged_again_later(judged: list[str]) -> None:
    board = VerdictBoard()
    first = trials()[:2]
    known_verdicts(context(board), first)

    known, rest = known_verdicts(context(board, NOW + STALE_MS + 1), first)

    assert (len(known), [trial.id for trial in rest], len(judged)) == (2, ["t-0", "t-1"], 2)


def test_one_at_a_time_judges_what_is_missing() -> None:
    board = VerdictBoard()

    assert board.begin_to_fill()
    assert not board.begin_to_fill()
    board.done()
    assert board.begin_to_fill()


def test_the_board_is_bounded() -> None:
    board = VerdictBoard(2)
    for n in range(3):
        board.put(f"t-{n}", "key", n, n)

    assert board.get("t-0", "key") is None
    assert board.get("t-2", "key") == (2, 2)
