"""What came outside a trial's summed days, read once for whoever asks next: the page splits it four ways."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from reports.metrics import METRICS, DueShareRule
from reports.queries.cells import Subquery, rows_of
from reports.queries.metric_columns import selected, to_be_merged
from reports.queries.model import Dimension, QueryContext
from reports.queries.sql import fill

_SQL = """
#with#
SELECT
    toUnixTimestamp(toStartOfDay(at, 'Asia/Shanghai')) * 1000 AS bucket, platform, placement_id AS placement, arm
    #sums#
FROM (#source#) AS source
GROUP BY bucket, platform, placement, arm
"""

_COLUMNS = to_be_merged(tuple(m for m in METRICS if not isinstance(METRICS[m].rule, DueShareRule)))
_KEYS = ("bucket", "platform", "placement", "arm")
SPLITS: frozenset[Dimension] = frozenset({"platform", "placement", "arm"})
"""How it can be split."""

Part = Mapping[str, Any]


def unrolled_rows(context: QueryContext, source: Subquery, keys: Sequence[str]) -> Mapping[tuple[Any, ...], list[Part]]:
    """Return rows of the columns of `to_be_merged`, by their values of *keys*: bucket (the day) and splits."""
    found: dict[tuple[Any, ...], list[Part]] = defaultdict(list)
    if source.rest is not None:
        # The same text whatever is asked of it: one answer asks it once.
        for row in rows_of(context, fill(_SQL, sums=selected(_COLUMNS)), source.rest):
            values = dict(zip((*_KEYS, *_COLUMNS), row, strict=True))
            found[tuple(values[key] for key in keys)].append(values)
    return found
