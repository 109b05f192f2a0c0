"""What readers write into an address is read as they meant it, or refused by name."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.api.params import by_of, format_of, interval_of, metrics_of, step_of, time_of
from reports.api.problems import NotAcceptableError, ParameterError
from tests.support.reports_harness import DAY, NOW, START, at, directory

SPAN = directory().trial_spans["neuro"]


def blamed(read: Callable[[], object]) -> ParameterError | None:
    """Return the error that *read* raises, if any; nothing but a parameter error may come."""
    try:
        read()
    except ParameterError as error:
        return error
    return None


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_parameter_error(text: str) -> None:
    error = blamed(lambda: time_of("from", text))

    assert error is None or error.parameter == "from"


@given(st.text(max_size=12))
def test_any_text_is_one_of_a_closed_set_or_an_error_that_names_the_set(text: str) -> None:
    errors = (
        blamed(lambda: step_of(text)),
        blamed(lambda: by_of(text, ())),
        blamed(lambda: metrics_of([text], "events")),
        blamed(lambda: format_of(text, "")),
    )

    assert all(error is None or error.allowed for error in errors)


def test_a_date_is_its_midnight_in_shanghai() -> None:
    assert time_of("from", "2026-11-22") == at("2026-11-22T00:00")
    assert time_of("from", "2026-11-22T00:00:00 08:00") == at("2026-11-22T00:00")


def test_without_bounds_the_interval_is_the_trial_until_now() -> None:
    assert (interval_of(None, None, SPAN, NOW).from_ms, interval_of(None, None, SPAN, NOW).to_ms - NOW) == (
        START,
        300_000,
    )
    assert interval_of(None, None, SPAN, SPAN.ends_ms + DAY).to_ms == SPAN.ends_ms
    assert interval_of(None, None, SPAN, START - DAY).empty


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "csv"),
        ("*/*", "csv"),
        ("text/html, */*;q=0.1", "csv"),
        ("application/x-ndjson;q=1", "ndjson"),
        ("application/vnd.apache.parquet", "parquet"),
    ],
)
def test_the_form_follows_the_accept_header(accept: str, form: str) -> None:
    assert format_of(None, accept) == form


def test_a_form_nobody_offers_is_not_acceptable() -> None:
    with pytest.raises(NotAcceptableError):
        format_of(None, "image/png")


def test_a_metric_asked_for_twice_is_answered_once() -> None:
    assert metrics_of(["orders", "events", "orders"], "subjects") == ("orders", "events")
    assert metrics_of([], "subjects") == ("subjects",)
