"""A refund rate of 0 that only means that nobody tells is None: unknown is not none."""

from registry.refunds import platforms_without_refunds
from reports.queries.context import QueryContext
from reports.queries.model import By, Number
from schemas.registry import MetricId

METRIC: MetricId = "refund_rate"


def unreported(context: QueryContext, trial_id: str) -> tuple[str, ...]:
    """Return the platforms of the trial whose refunds are not reported."""
    return platforms_without_refunds(context.directory, trial_id)


def known(value: Number | None, by: By, silent: tuple[str, ...]) -> Number | None:
    """Return the rate of *by*, None where it is 0 and a platform in it tells no refunds."""
    is_silent = by["platform"] in silent if "platform" in by else bool(silent)
    return None if value == 0 and is_silent else value
