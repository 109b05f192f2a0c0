"""The parameters of the reading API: text in, closed sets and times out, or an error that names what is allowed."""

import re
from datetime import date
from typing import Any, TypeVar, get_args

import msgspec
from litestar import Request

from registry.directory import TrialSpan
from reports.api.problems import NotAcceptableError, ParameterError
from reports.metrics import METRICS, DueShareRule
from reports.queries.events_export import ExportFormat
from reports.queries.model import DIMENSIONS, STEPS, Dimension, Interval, Step
from schemas.event import parse_time_ms
from schemas.registry import MetricId
from schemas.timing import DAY_MS, MINUTE_MS, SHANGHAI_MS

Choice = TypeVar("Choice", bound=str)
JsonBody = TypeVar("JsonBody")

# A + that was not escaped in an address arrives as a space.
_UNESCAPED = re.compile(r" ([0-9]{2}:[0-9]{2})\Z")
_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_LEAD_MS = 5 * MINUTE_MS
"""Partners' clocks may be that far ahead: an interval that ends now must not cut off what they sent."""
MAX_SHARE_DAYS = 366
"""The longest that the setting `share_days` may be."""
_TIME_EXAMPLES = ("2026-11-22T10:15:00+08:00", "2026-11-22")
# What the store's types of time can hold is wider than this, and no trial is.
_FIRST_MS, _LAST_MS = parse_time_ms("2000-01-01T00:00:00+08:00"), parse_time_ms("2100-01-01T00:00:00+08:00")
MEDIA_TYPE: dict[ExportFormat, str] = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


async def as_written(request: Request[Any, Any, Any], form: type[JsonBody]) -> JsonBody:
    """Return the request's JSON body as *form*; a 0 is no false, a number in quotes is a text, 5.0 is an integer.

    The framework, which has read it before, takes these as it takes them from a query. Raises `ParameterError`.
    """
    try:
        fields = msgspec.json.decode(await request.body(), type=dict[str, Any])
        return msgspec.convert({name: _number(value) for name, value in fields.items()}, type=form)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ParameterError("body", str(error)) from error


def _number(value: object) -> object:
    """Return a number without a fraction as the integer that it is to JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def choice(parameter: str, text: str, allowed: tuple[Choice, ...]) -> Choice:
    """Return *text* as one of *allowed*. Raises `ParameterError` otherwise."""
    for known in allowed:
        if text == known:
            return known
    raise ParameterError(parameter, "unknown value", allowed)


def metrics_of(texts: list[str], default: MetricId) -> tuple[MetricId, ...]:
    """Return the metrics asked for, each once; *default* where none is named. Raises `ParameterError`."""
    named = [choice("metric", text, get_args(MetricId)) for text in texts]
    return tuple(dict.fromkeys(named)) or (default,)


def step_of(text: str) -> Step:
    """Return the step. Raises `ParameterError`."""
    return choice("step", text, STEPS)


def by_of(text: str | None, metrics: tuple[MetricId, ...]) -> Dimension | None:
    """Return the split. Raises `ParameterError`, also where one of *metrics* cannot be split so."""
    if text is None:
        return None
    by = choice("by", text, DIMENSIONS)
    if by == "kind" and (reported := [m for m in metrics if isinstance(METRICS[m].rule, DueShareRule)]):
        allowed = tuple(d for d in DIMENSIONS if d != "kind")
        raise ParameterError("by", f"{reported[0]} is not about events of a kind", allowed)
    return by


def time_of(parameter: str, text: str) -> int:
    """Return an RFC 3339 time with an offset, or a date (its midnight in Shanghai). Raises `ParameterError`."""
    try:
        found = _time(text)
    except ValueError as error:
        raise ParameterError(parameter, str(error), _TIME_EXAMPLES) from error
    if not _FIRST_MS <= found <= _LAST_MS:
        raise ParameterError(parameter, "must lie in the years 2000 to 2099", _TIME_EXAMPLES)
    return found


def _time(text: str) -> int:
    if _DATE.match(text):
        return date.fromisoformat(text).toordinal() * DAY_MS - date(1970, 1, 1).toordinal() * DAY_MS - SHANGHAI_MS
    return parse_time_ms(_UNESCAPED.sub(r"+\1", text))


def interval_of(from_: str | None, to: str | None, span: TrialSpan, now_ms: int) -> Interval:
    """Return the interval asked for; without bounds that of the trial, its baseline period included, until now.

    Raises `ParameterError` where it is empty.
    """
    first = span.starts_ms if span.baseline_from_ms is None else min(span.baseline_from_ms, span.starts_ms)
    from_ms = first if from_ is None else time_of("from", from_)
    to_ms = min(span.ends_ms, now_ms + _LEAD_MS) if to is None else time_of("to", to)
    if to is None:
        to_ms = max(to_ms, from_ms)
    elif to_ms <= from_ms:
        raise ParameterError("to", "must be later than from")
    return Interval(from_ms, to_ms)


def format_of(text: str | None, accept: str) -> ExportFormat:
    """Return the export's form: by *text* where given, else by the Accept header, CSV where it takes anything.

    Raises `ParameterError` or `NotAcceptableError`.
    """
    if text is not None:
        return choice("format", text, get_args(ExportFormat))
    wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for form, media in MEDIA_TYPE.items():
        if media in wanted:
            return form
    if not accept or {"*/*", "text/*"} & set(wanted):
        return "csv"
    raise NotAcceptableError
