"""A refund rate where a platform tells orders and never refunds: unknown, and never 0."""

from typing import Any

import pytest

from reports.queries.health import health
from reports.queries.model import Interval, SeriesQuestion, TotalsQuestion
from reports.queries.readout import readout
from reports.queries.series import series
from reports.queries.totals import totals
from runtime.clickhouse import ClickHouse
from tests.support.readout_harness import told
from tests.support.reports_harness import DAY, START, World, cells_of, directory, event

pytestmark = pytest.mark.clickhouse

WHOLE = Interval(START, START + DAY)
PUBLIC = "https://gw.example.com"
TELLS = {"webhook": ["plain:x"], "life-spi": ["plain:x"]}
TELLS_NO_REFUNDS = {"life-spi": ["plain:x"]}
DOUYIN: dict[str, Any] = {"placement_id": "p-3", "account_id": "douyin-main", "platform": "douyin"}
ORDERS = [event(n, kind="order.paid", amount_fen=100) for n in range(3)] + [
    event(n, kind="order.paid", amount_fen=100, **DOUYIN) for n in range(10, 14)
]
REFUND = event(20, kind="order.refunded", amount_fen=100)


def street(clickhouse: ClickHouse, flows: dict[str, list[str]], *more: Any) -> World:
    """Return a street of a till that tells refunds and a Douyin account with *flows*."""
    accounts = [
        {"id": "sunmi-main", "platform": "sunmi", "public_url": PUBLIC, "secrets": {"receipt": ["plain:x"]}},
        {"id": "douyin-main", "platform": "douyin", "public_url": PUBLIC, "secrets": flows},
    ]
    world = World(clickhouse, directory(accounts=accounts))
    world.store([*ORDERS, *more])
    world.live(cells_of([*ORDERS, *more]))
    return world


def rates(world: World) -> dict[str, float | None]:
    by_platform = TotalsQuestion("neuro", ("refund_rate", "orders"), WHOLE, by=("platform",))
    whole = TotalsQuestion("neuro", ("refund_rate",), WHOLE)
    found = (*totals(world.context(), by_platform), *totals(world.context(), whole))
    return {total.by.get("platform", ""): total.value for total in found if total.metric == "refund_rate"}


def test_a_rate_of_nothing_told_is_unknown(clickhouse: ClickHouse) -> None:
    silent, telling = street(clickhouse, TELLS_NO_REFUNDS), {"sunmi": 0.0, "douyin": None, "": None}

    assert rates(silent) == telling


def test_a_rate_of_0_is_0_where_every_platform_tells(clickhouse: ClickHouse) -> None:
    assert rates(street(clickhouse, TELLS)) == {"sunmi": 0.0, "douyin": 0.0, "": 0.0}


def test_what_is_told_is_said_all_the_same(clickhouse: ClickHouse) -> None:
    assert rates(street(clickhouse, TELLS_NO_REFUNDS, REFUND)) == {
        "sunmi": pytest.approx(1 / 3),
        "douyin": None,
        "": pytest.approx(1 / 7),
    }


def test_it_is_unknown_over_time_too(clickhouse: ClickHouse) -> None:
    world = street(clickhouse, TELLS_NO_REFUNDS)

    (lines,) = series(world.context(), SeriesQuestion("neuro", ("refund_rate",), WHOLE, "day", "platform"))

    points = {line.by["platform"]: [(point.value, point.n) for point in line.points] for line in lines.lines}
    assert points == {"sunmi": [(0.0, 3)], "douyin": [(None, 4)]}


@pytest.mark.parametrize(
    ("flows", "estimate", "why"), [(TELLS_NO_REFUNDS, None, "not_reported"), (TELLS, 0.0, "too_few_days")]
)
def test_the_readout_says_why_there_is_no_estimate(
    clickhouse: ClickHouse, flows: dict[str, list[str]], estimate: float | None, why: str
) -> None:
    found = readout(street(clickhouse, flows).context(), "neuro", ("refund_rate",))

    (row,) = [row for row in found.rows if row.arm == "pilot"]
    assert (row.estimate, row.low, row.high, row.why, row.n) == (estimate, None, None, why, 7)


def test_the_health_list_names_the_platform(clickhouse: ClickHouse) -> None:
    said = [line for line in health(street(clickhouse, TELLS_NO_REFUNDS).context(), "neuro") if line.check == "refunds"]
    nothing = [line for line in health(street(clickhouse, TELLS).context(), "neuro") if line.check == "refunds"]

    assert [(line.state, "Douyin" in told(line), "抖音" in told(line, "zh")) for line in said] == [
        ("unknown", True, True)
    ]
    assert nothing == []
