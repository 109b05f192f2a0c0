"""What of each table is kept how long, and why: the table of `docs/operations.md` is held to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One table of the store. *setting* is empty where its rows are kept."""

    table: str
    setting: str
    why: str
    time: str = ""
    """The column by which a row belongs to a time."""


_EVENTS = "event_retention_days"
_CALLS = "call_retention_days"
_REJECTS = "reject_retention_days"
_RECORDS = "record_retention_days"

OF_TRIALS = (
    RetentionRule("pilot_events", _EVENTS, "pseudonyms of people", "occurred_at"),
    RetentionRule(
        "cells_live", _EVENTS, "registers come from pseudonyms, and nobody could recompute the numbers", "minute"
    ),
    RetentionRule("cells_settled", _EVENTS, "as the live ones", "minute"),
    RetentionRule("cells_hourly", _EVENTS, "as the live ones", "hour"),
    RetentionRule("cells_daily", _EVENTS, "as the live ones", "day"),
    RetentionRule("units_daily", _EVENTS, "sets of hashed pseudonyms", "day"),
    RetentionRule("places_daily", _EVENTS, "when single visitors came, on a quiet day", "day"),
    RetentionRule("funnels_daily", _EVENTS, "sets of hashed pseudonyms", "day"),
    RetentionRule("frozen_extracts", _EVENTS, "single events, with people as numbers", "starts_at"),
)
"""Counted from the end of the trial."""
OF_REJECTS = (
    RetentionRule(
        "pilot_rejects", _REJECTS, "payloads, and first-step hashes, which one person has in all trials", "received_at"
    ),
    RetentionRule("replayed_rejects", _REJECTS, "tell of rejects", "replayed_at"),
)
"""Counted from their receipt."""
OF_CALLS = (
    RetentionRule("pilot_calls", _CALLS, "requests as they were sent, masked", "received_at"),
    RetentionRule(
        "counted_steps", _CALLS, "a row each half second and source: when a delivery was counted", "counted_at"
    ),
    RetentionRule(
        "late_lines", _CALLS, "a row a late line: what an id was used for; nothing of a person", "received_at"
    ),
)
"""Counted from their time; no sum needs them."""
OF_RECORDS = (
    RetentionRule("pilot_deliveries", _RECORDS, "a row a request; nothing of a person", "received_at"),
    RetentionRule("log_records", _RECORDS, "a row a record of the topics; counts", "stamped_at"),
    RetentionRule("worker_progress", _RECORDS, "a row a minute and source; counts", "received_minute"),
)
"""Counted from their time."""
STAYING = (
    RetentionRule(
        "touched_blocks", "", "a row a product and five minutes; without it a settled block would look untouched"
    ),
    RetentionRule("settled_blocks", "", "the same; without it a block would be settled again, to nothing"),
    RetentionRule("settlement_differences", "", "few; what the sums of stored lines are explained by"),
    RetentionRule("rolled_hours", "", "a row a product and hour"),
    RetentionRule("daily_rollups", "", "a row a product and day"),
    RetentionRule("forgotten_subjects", "", "who asked to be forgotten, until the topics no longer hold them: 38 days"),
    RetentionRule("retirements", "", "what was destroyed, and the counts that the sums need of it"),
    RetentionRule("trial_ends", "", "a row a trial: when it ends"),
    RetentionRule("sink_sources", "", "a row a partition and epoch"),
    RetentionRule("worker_sources", "", "a row a partition and epoch"),
    RetentionRule("frozen_reports", "", "a few a trial; numbers and a signature, and nothing of a person"),
    RetentionRule("registry_records", "", "the registry in force, and hashes of access keys"),
    RetentionRule("schema_migrations", "", "a row a migration"),
)
ALL = (*OF_TRIALS, *OF_REJECTS, *OF_CALLS, *OF_RECORDS, *STAYING)
