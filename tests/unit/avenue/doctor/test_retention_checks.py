"""What the doctor says of the end of what is kept."""

from datetime import UTC, datetime

import pytest

from avenue.doctor.retention_checks import _kept, _next, _warn_of_overdue
from avenue.doctor.runner import WarnedError
from runtime.settings import Settings
from schemas.registry import Avenue, BilingualText, Product, Registry, Startup, Trial, epoch_ms

NAME = BilingualText(zh="一", en="one")


def trial(trial_id: str, year: int) -> Trial:
    return Trial(
        id=trial_id,
        product="band",
        starts=datetime(2019, 1, 1, tzinfo=UTC),
        ends=datetime(year, 1, 1, tzinfo=UTC),
        arms=["pilot"],
        hypothesis=NAME,
        primary_metric="events",
    )


def registry(*trials: Trial) -> Registry:
    return Registry(
        avenue=Avenue(id="avenue", name=NAME),
        startups=[Startup(id="calmwave", name=NAME)],
        products=[Product(id="band", startup="calmwave", name=NAME)],
        trials=list(trials),
        accounts=[],
    )


def test_a_retired_trial_is_not_named_and_one_that_was_opened_again_is() -> None:
    first, again, long = trial("first", 2020), trial("again", 2098), trial("long", 2099)
    retired = {"first": epoch_ms(first.ends), "again": epoch_ms(first.ends)}

    kept = _kept(registry(first, again, long), Settings(), retired)

    assert list(kept) == ["again", "long"]
    _warn_of_overdue(kept)
    assert _next(kept) == "next: again and its key on 2099-01-01"


def test_a_trial_that_was_opened_again_and_has_ended_long_ago_is_overdue() -> None:
    again = trial("again", 2021)
    kept = _kept(registry(again), Settings(), {"again": epoch_ms(trial("again", 2020).ends)})

    with pytest.raises(WarnedError, match="past their retention and still there: again"):
        _warn_of_overdue(kept)
