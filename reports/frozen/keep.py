"""Freezes a report and stores it: what `avenue report --freeze` does, in the server or on the store itself."""

from dataclasses import dataclass

from reports.frozen import store
from reports.frozen.freeze import FreezeLimits, FreezeRefusedError, freeze
from reports.frozen.signing_key import signing_key
from reports.frozen.store import SignedReport
from reports.notifications.log import FrozenReport, announce_frozen
from reports.queries.context import QueryContext
from runtime.clickhouse import Client
from runtime.errors import UnavailableError
from runtime.logging import get_logger
from runtime.settings import Settings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FreezeRequest:
    """Which trial's report is to be frozen, and as of when (Unix ms); None: of the latest moment that is complete."""

    trial_id: str
    as_of_ms: int | None


def freeze_and_keep(context: QueryContext, writer: Client, settings: Settings, request: FreezeRequest) -> SignedReport:
    """Return the frozen report, stored by *writer*. Freezing the same data as of the same moment stores nothing new.

    Raises what `freeze` raises, `ConfigurationError` of the signing key, and `FreezeRefusedError` where the trial has
    as many frozen reports as it may have.
    """
    limits = FreezeLimits(settings.gateway.max_event_age_days, settings.report.extract_rows)
    key = signing_key(settings)
    report = freeze(context, request.trial_id, asked_ms=request.as_of_ms, limits=limits, key=key)
    kept = {entry.report_id for entry in store.entries(context, request.trial_id)}
    if report.report_id in kept:
        return report
    if len(kept) >= settings.report.frozen_reports:
        raise FreezeRefusedError(
            f"trial {request.trial_id} has {len(kept)} frozen reports, which never go; more are allowed by "
            "AVENUE_REPORT__FROZEN_REPORTS"
        )
    store.put(writer, report, context.now_ms)
    log.info("report frozen", trial=report.trial_id, report=report.report_id, events=report.events, key=report.key_id)
    _announce(settings, report, context.now_ms)
    return report


def _announce(settings: Settings, report: SignedReport, now_ms: int) -> None:
    """Tell whoever follows the trial; the report stands, whether they can be told or not."""
    if settings.kafka.bootstrap is None:
        return
    try:
        announce_frozen(settings, FrozenReport(report.trial_id, report.report_id, now_ms))
    except UnavailableError as error:
        log.warning("nobody is told of a frozen report", report=report.report_id, error=str(error))
