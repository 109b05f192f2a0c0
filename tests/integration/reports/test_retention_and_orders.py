"""Who comes back, orders, money and ratings, against the same worked out in plain Python from the events."""

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from reports.queries.model import Interval, TotalsQuestion
from reports.queries.orders_ratings import OrderSums, orders_and_ratings
from reports.queries.retention import cohorts_of, retention
from reports.queries.spans import SHANGHAI
from reports.queries.totals import totals
from reports.queries.units import people_by_arm
from reports.queries.weeks import WEEK_MS, week_start, weeks_of
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from tests.support.reports_harness import DAY, HOUR, START, World, at, cells_of, event, expected, made_up

pytestmark = pytest.mark.clickhouse

WEEKS = 3
THEN = START + WEEKS * 7 * DAY + 5 * HOUR
TRIAL = Interval(START, THEN)
USES = {"use.started", "use.completed"}


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse, now_ms=THEN)


def weeks_by_person(events: list[StoredEvent], kinds: Collection[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for one in events:
        if one.subject and one.kind in kinds:
            found[one.subject].add(monday(one.occurred_ms))
    return found


def monday(at_ms: int) -> int:
    """Return the start of its week by the calendar, in Unix ms."""
    day = datetime.fromtimestamp(at_ms / 1000, SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((day - timedelta(days=day.weekday())).timestamp() * 1000)


def plain_cohorts(people: dict[str, set[int]]) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    weeks = range(monday(START), THEN, WEEK_MS)
    for week in weeks:
        begun = [came for came in people.values() if min(came) == week]
        found[week] = tuple(sum(later in came for came in begun) for later in weeks if later >= week)
    return found


def test_a_week_begins_on_monday_in_shanghai() -> None:
    assert week_start(at("2026-11-22T23:59")) == at("2026-11-16T00:00")
    assert week_start(at("2026-11-23T00:00")) == at("2026-11-23T00:00")
    assert weeks_of(Interval(at("2026-11-22T23:59"), at("2026-11-23T00:01"))) == (
        at("2026-11-16T00:00"),
        at("2026-11-23T00:00"),
    )
    assert weeks_of(Interval(START, START)) == ()


def test_cohorts_are_those_of_a_plain_recomputation(world: World) -> None:
    events = made_up(3000, days=WEEKS * 7)
    world.store([*events, event(9000, subject="e" * 32, kind="use.completed", outcome="ok", occurred_ms=START - HOUR)])

    found = retention(world.context(), "neuro", TRIAL)

    plain = plain_cohorts(weeks_by_person(events, USES))
    assert found.basis == "use"
    assert {cohort.week_ms: cohort.came for cohort in found.cohorts} == plain
    # The pool of sixty comes again and again, so that there is something to compare.
    assert plain[monday(START)][1] > 10
    assert found.people == len(weeks_by_person(events, USES))
    second = monday(START) + WEEK_MS
    assert found.returned(second) == plain[monday(START)][1]
    assert found.unfinished_ms == week_start(THEN)


def test_where_no_use_names_anybody_every_event_that_does_counts_and_sums_to_the_people(world: World) -> None:
    events = [one for one in made_up(2000, days=WEEKS * 7) if not (one.kind in USES and one.subject)]
    world.store(events)

    found = retention(world.context(), "neuro", TRIAL)

    kinds = {one.kind for one in events}
    assert found.basis == "event"
    assert {c.week_ms: c.came for c in found.cohorts} == plain_cohorts(weeks_by_person(events, kinds))
    people = people_by_arm(world.context(), "neuro", TRIAL, ["subjects"])["subjects"][""]
    assert found.people == people > 100


def test_where_nobody_is_named_who_came_back_is_unknown_and_not_none(world: World) -> None:
    world.store([event(n, kind="use.completed", outcome="ok", subject="") for n in range(9)])

    assert retention(world.context(), "neuro", TRIAL).basis is None


def test_a_trial_that_is_over_has_no_week_that_runs(world: World) -> None:
    world.now_ms = at("2026-12-21T12:00")

    assert retention(world.context(), "neuro", TRIAL).unfinished_ms is None


def test_how_much_of_each_week_was_covered_goes_by_due_hours(world: World) -> None:
    # p-3 is due around the clock; in its first week (three days) it reports in twelve hours, in the second in none.
    world.live(cells_of(event(n, placement_id="p-3", occurred_ms=START + n * HOUR) for n in range(12)))

    covered = retention(world.context(), "neuro", TRIAL).covered

    # Due in those days: p-1 and p-3 72 hours each, p-2 from 9 until 21:30, whose last half hour counts: 13 a day.
    assert covered[monday(START)] == pytest.approx(12 / (72 + 72 + 39))
    assert covered[monday(START) + WEEK_MS] == 0
    assert len(covered) == WEEKS + 1


def test_nobody_in_any_week_gives_rows_of_nought() -> None:
    import numpy as np

    nobody = np.empty(0, dtype=np.int64)

    assert [c.came for c in cohorts_of({0: nobody, WEEK_MS: nobody})] == [(0, 0), (0,)]


def plain_orders(events: list[StoredEvent]) -> OrderSums:
    paid = [one.amount_fen or 0 for one in events if one.kind == "order.paid"]
    refunded = [one.amount_fen or 0 for one in events if one.kind == "order.refunded"]
    stars = Counter(one.rating for one in events if one.rating is not None)
    return OrderSums(
        events=len(events),
        orders=len(paid),
        refunds=len(refunded),
        paid_fen=sum(paid),
        refunded_fen=sum(refunded),
        stars=(stars[1], stars[2], stars[3], stars[4], stars[5]),
    )


def test_orders_money_and_ratings_are_those_of_a_plain_recomputation(world: World) -> None:
    events = made_up(3000, days=WEEKS * 7)
    world.store(events)

    found = orders_and_ratings(world.context(), "neuro", TRIAL)

    groups: dict[tuple[str, str], list[StoredEvent]] = defaultdict(list)
    for one in events:
        groups[one.platform, one.arm].append(one)
    assert found.sums == {key: plain_orders(group) for key, group in sorted(groups.items())}
    assert found.of(arm="pilot") == plain_orders([one for one in events if one.arm == "pilot"])
    assert found.of(platform="douyin") == plain_orders([one for one in events if one.platform == "douyin"])
    whole = found.of()
    assert whole.ratings > 100
    assert whole.rating_mean == pytest.approx(expected("rating_mean", events)[0])
    assert whole.revenue_fen == expected("revenue_fen", events)[0]


def test_money_and_ratings_are_the_metrics_of_page_report_and_api(world: World) -> None:
    world.store(made_up(2000, days=WEEKS * 7))

    found = orders_and_ratings(world.context(), "neuro", TRIAL)
    question = TotalsQuestion("neuro", ("orders", "revenue_fen", "refund_rate", "rating_mean"), TRIAL, ("arm",), True)
    told = {(total.metric, total.by["arm"]): total.value for total in totals(world.context(), question)}

    assert len(told) == 8
    for arm in ("baseline", "pilot"):
        sums = found.of(arm=arm)
        assert told["orders", arm] == sums.orders
        assert told["revenue_fen", arm] == sums.revenue_fen
        assert told["refund_rate", arm] == found.refund_rate(sums, {"arm": arm})
        assert told["rating_mean", arm] == sums.rating_mean


def test_money_that_nobody_tells_is_unknown_and_not_nought() -> None:
    nothing = OrderSums(events=12)

    assert (nothing.money_known, nothing.per_order_fen, nothing.rating_mean) == (False, None, None)
    assert OrderSums(refunds=1, refunded_fen=500).revenue_fen == -500
