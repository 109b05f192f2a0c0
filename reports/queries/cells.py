"""Which cells hold: settled ones where a block was settled, hours where they are rolled up, live ones elsewhere.

A block's settled cells are written at once, tombstones of vanished ones included, so a block is settled or live as a
whole. ClickHouse reads one snapshot of each table within a query: no block is in both halves or in neither.
"""

from typing import Any

from registry.directory import TrialSpan
from reports.queries.model import Dimension, Interval
from reports.queries.sql import fill, moment
from schemas.timing import HOUR_MS, minute_of

COLUMN: dict[Dimension, str] = {"platform": "platform", "placement": "placement_id", "arm": "arm", "kind": "kind"}

_COLUMNS = (
    "platform, placement_id, arm, kind, events, failed, abandoned, duration_count, duration_ms_sum, duration_bins, "
    "duration_counts, amount_fen_sum, rating_count, rating_sum, subjects, sessions, first_ms, last_ms"
)

_MINUTES = """
    SELECT minute AS at, #columns#
    FROM cells_settled FINAL
    WHERE product_id = {product:String}
      AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
      AND trial_id = {trial:String}
      #unrolled#
    UNION ALL
    SELECT minute AS at, #columns#
    FROM cells_live FINAL
    WHERE product_id = {product:String}
      AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
      AND trial_id = {trial:String}
      AND toStartOfFiveMinutes(minute) NOT IN (
          SELECT toStartOfFiveMinutes(minute)
          FROM cells_settled
          WHERE product_id = {product:String}
            AND minute >= toStartOfFiveMinutes({from:DateTime('UTC')})
            AND minute < toStartOfFiveMinutes({to:DateTime('UTC')}) + INTERVAL 5 MINUTE
      )
      #unrolled#"""

_UNROLLED = "AND toStartOfHour(minute) NOT IN (SELECT rolled_hour FROM rolled)"

_HOURS = """
    UNION ALL
    SELECT hour AS at, #columns#
    FROM cells_hourly FINAL
    WHERE product_id = {product:String}
      AND hour >= {first_hour:DateTime('UTC')} AND hour < {last_hour:DateTime('UTC')}
      AND hour IN (SELECT rolled_hour FROM rolled)
      AND trial_id = {trial:String}"""

# A rolled hour that is older than a settlement of one of its blocks is out of date: its minutes are read instead.
_ROLLED = """
    rolled AS (
        SELECT rolled_hour
        FROM (
            SELECT hour AS rolled_hour, max(rolled_at) AS at
            FROM rolled_hours
            WHERE product_id = {product:String}
              AND hour >= {first_hour:DateTime('UTC')} AND hour < {last_hour:DateTime('UTC')}
            GROUP BY hour
        ) AS rolls
        LEFT JOIN (
            SELECT toStartOfHour(block) AS settled_hour, max(settled_at) AS last
            FROM settled_blocks
            WHERE product_id = {product:String}
              AND block >= {first_hour:DateTime('UTC')} AND block < {last_hour:DateTime('UTC')}
            GROUP BY settled_hour
        ) AS settlements ON rolled_hour = settled_hour
        WHERE at >= last
    )"""

WITH_MINUTES = ""
MINUTES = fill(_MINUTES, columns=_COLUMNS, unrolled="")
"""The cells of a trial and interval by the minute, as a subquery."""

WITH_HOURS = "WITH" + _ROLLED
HOURS = fill(_MINUTES + _HOURS, columns=_COLUMNS, unrolled=_UNROLLED)
"""The same in fewer rows, for whoever asks by the hour or more, under `WITH_HOURS`."""


def parameters(trial: TrialSpan, interval: Interval) -> dict[str, Any]:
    """Return the parameters of the subqueries: whole minutes, from that of the start until before the end."""
    from_ms = minute_of(interval.from_ms)
    return {
        "product": trial.product_id,
        "trial": trial.trial_id,
        "from": moment(from_ms),
        "to": moment(-(-max(interval.to_ms, from_ms) // 1000) * 1000),
        "first_hour": moment(-(-from_ms // HOUR_MS) * HOUR_MS),
        "last_hour": moment(interval.to_ms // HOUR_MS * HOUR_MS),
    }
