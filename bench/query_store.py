"""A store as the road leaves it behind: trials with 90 days of events, and the cells, hours and days made of them.

Events are made inside ClickHouse. Cells, hours and days are computed from them by the statements of settlement.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from registry.directory import Directory
from runtime.clickhouse import ClickHouse, Client
from runtime.clock import ManualClock
from runtime.settings import SinkSettings
from schemas.registry import AccessKey, Epoch, Registry
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import partition_of
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.sql import query
from sinks.settlement.daily_rollup import DayRoller

SHANGHAI = timezone(timedelta(hours=8))
NOW_MS = int(datetime(2026, 11, 22, 18, 4, tzinfo=SHANGHAI).timestamp() * 1000)
TODAY_MS = int(datetime(2026, 11, 22, tzinfo=SHANGHAI).timestamp() * 1000)
DAYS = 90
FIRST_MS = TODAY_MS - (DAYS - 1) * DAY_MS
KEY = "bench-key"
TRIALS = 40
PLATFORMS = ("sunmi", "douyin", "bilibili", "meituan", "aihuishou")
PLACEMENTS = 6
PARTITIONS = 8
VISIT_EVENTS = 10
SETTLED_UNTIL_MS = NOW_MS - NOW_MS % BLOCK_MS - 2 * BLOCK_MS
RUN = 1
RECORD = 500
REJECT_SHARE = 200


def trial_ids() -> list[str]:
    """Return the trials' ids."""
    return [f"trial-{number:02d}" for number in range(TRIALS)]


def directory() -> Directory:
    """Return the registry of the bench: one product and six placements for each trial, five platforms."""
    tree: dict[str, Any] = {
        "demo": True,
        "avenue": {"id": "street", "name": {"zh": "街", "en": "street"}, "length_m": 200},
        "startups": [{"id": "startup", "name": {"zh": "公司", "en": "startup"}}],
        "products": [_product(number) for number in range(TRIALS)],
        "trials": [_trial(number) for number in range(TRIALS)],
        "accounts": [{"id": f"{platform}-main", "platform": platform} for platform in PLATFORMS],
        "placements": [_placement(number, place) for number in range(TRIALS) for place in range(PLACEMENTS)],
    }
    began = datetime.fromtimestamp(FIRST_MS / 1000, UTC)
    key = AccessKey(
        id="k-bench",
        scope="programme",
        sha256=hashlib.sha256(KEY.encode()).hexdigest(),
        prefix=KEY[:2],
        created_at=began,
    )
    epoch = Epoch(
        number=1,
        topic_id="t",
        partitions=PARTITIONS,
        grace_ms=120_000,
        lead_ms=300_000,
        slack_ms=60_000,
        began_at=began,
    )
    return Directory(version=1, registry=Registry.model_validate(tree), keys={key.sha256: key}, epochs=(epoch,))


def _product(number: int) -> dict[str, Any]:
    return {"id": f"product-{number:02d}", "startup": "startup", "name": {"zh": "品", "en": "product"}}


def _trial(number: int) -> dict[str, Any]:
    metrics = ("success_rate", "duration_p50", "subjects", "revenue_fen", "completions")
    primary = metrics[number % len(metrics)]
    return {
        "id": f"trial-{number:02d}",
        "product": f"product-{number:02d}",
        "arms": ["baseline", "pilot"],
        "hypothesis": {"zh": "假设", "en": "hypothesis"},
        "primary_metric": primary,
        "guardrails": [m for m in ("failure_rate", "duration_p95", "uptime") if m != primary],
        "planned_units": DAYS * PLACEMENTS,
        "starts": _text(FIRST_MS),
        "ends": _text(TODAY_MS + 30 * DAY_MS),
    }


def _placement(number: int, place: int) -> dict[str, Any]:
    return {
        "id": f"p-{number:02d}-{place}",
        "trial": f"trial-{number:02d}",
        "arm": ("baseline", "pilot")[place % 2],
        "account": f"{PLATFORMS[place % len(PLATFORMS)]}-main",
        "metre": (number * PLACEMENTS + place) % 200,
        "side": ("north", "south")[place % 2],
        "from": _text(FIRST_MS),
        "until": _text(TODAY_MS + 30 * DAY_MS),
        "hours": {"opens": "08:00", "closes": "22:00"},
        **({"heartbeat_s": 900} if place < 2 else {}),
    }


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, SHANGHAI).isoformat()


# A visit of ten events at one placement; people come back, the trial's day has opening hours, early evening is busy.
_EVENTS = """
INSERT INTO pilot_events
(
    epoch, partition, offset, line, event_id, account_id, platform, product_id, trial_id, placement_id, arm, kind,
    outcome, occurred_at, received_at, subject, session_id, duration_ms, amount_fen, rating, attributes, delivery_id
)
SELECT
    1, {partition:UInt16}, intDiv(number, {record:UInt32}), number % {record:UInt32},
    lower(hex(cityHash64(number, {trial:String}))) AS event_id,
    concat(platform, '-main'), platform, {product:String}, {trial:String},
    concat({place_prefix:String}, toString(place)), ['baseline', 'pilot'][place % 2 + 1],
    multiIf(
        step = 0, 'exposure', step = 1, 'interaction', step = 2, 'use.started', step = 3, 'use.completed',
        step = 4, 'interaction', step = 5, if(luck % 3 = 0, 'order.paid', 'exposure'),
        step = 6, if(luck % 4 = 0, 'rating.given', 'interaction'), step = 7, 'device.reported',
        step = 8, if(luck % 40 = 0, 'order.refunded', 'exposure'), if(luck % 9 = 0, 'trade_in.completed', 'exposure')
    ) AS what,
    if(what = 'use.completed', multiIf(luck % 10 < 7, 'ok', luck % 10 < 9, 'failed', 'abandoned'), ''),
    fromUnixTimestamp64Milli(at_ms, 'UTC'), fromUnixTimestamp64Milli(at_ms + 300 + luck % 900, 'UTC'),
    if(luck % 11 = 0, '', lower(hex(sipHash128({trial:String}, who)))),
    if(luck % 5 = 0, '', lower(hex(sipHash128(visit, {trial:String})))),
    if(what = 'use.completed' AND luck % 20 != 1, toUInt32(exp(9 + (chance % 1000) / 500) + chance % 977), NULL),
    if(what IN ('order.paid', 'order.refunded'), toInt64(900 + chance % 19000), NULL),
    if(what = 'rating.given', toUInt8(1 + chance % 5), NULL),
    if(luck % 4 = 0, concat('{"sku":"A-', toString(chance % 97), '"}'), '{}'),
    lower(hex(sipHash128(intDiv(number, {record:UInt32}), {trial:String})))
FROM
(
    SELECT
        number, intDiv(number, 10) AS visit, number % 10 AS step,
        cityHash64(visit, {trial:String}) AS luck, cityHash64(number, 7) AS chance,
        luck % 6 AS place, {platforms:Array(String)}[place % 5 + 1] AS platform,
        -- Half the visits are by a tenth of the people.
        if(bitShiftRight(luck, 20) % 2 = 0, bitShiftRight(luck, 21) % 5000, bitShiftRight(luck, 21) % 50000) AS who,
        -- Visits come in order of time; the square root crowds them towards the evening.
        toInt64(intDiv(visit * {days:UInt32}, {visits:UInt64})) AS day,
        {first_ms:Int64} + day * 86400000 + 28800000
            + toInt64(50400000 * sqrt((bitShiftRight(luck, 40) % 1000000) / 1000000)) AS began_ms,
        least(began_ms + step * 35000 + chance % 20000, {until_ms:Int64} - 1 - chance % 1000) AS at_ms
    FROM numbers({from:UInt64}, {count:UInt64})
)
WHERE began_ms < {until_ms:Int64}
"""
_SWITCHES = """
INSERT INTO pilot_events
(
    epoch, partition, offset, line, event_id, account_id, platform, product_id, trial_id, placement_id, arm, kind,
    outcome, occurred_at, received_at, subject, session_id, attributes, delivery_id
)
SELECT
    1, {partition:UInt16}, 900000000 + number, 0, concat('switch-', toString(number)),
    concat(platform, '-main'), platform, {product:String}, {trial:String},
    concat({place_prefix:String}, toString(place)), ['baseline', 'pilot'][place % 2 + 1],
    if(off, 'device.offline', 'device.online'), '', at, at, '', '', '{}', 'd-switch'
FROM
(
    SELECT
        number, number % 6 AS place, intDiv(number, 6) % 2 AS off, intDiv(number, 12) AS day,
        {platforms:Array(String)}[place % 5 + 1] AS platform,
        fromUnixTimestamp64Milli(
            {first_ms:Int64} + toInt64(day) * 86400000 + if(off, 79200000, 28800000) + number % 977 * 1000, 'UTC'
        ) AS at
    FROM numbers(12 * {days:UInt64})
)
WHERE at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
"""
_COLUMNS = """product_id, trial_id, platform, placement_id, arm, kind, events, failed, abandoned, duration_count,
    duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count, rating_sum, subjects,
    sessions, first_ms, last_ms"""
_SETTLED = """
INSERT INTO cells_settled (block, run, minute, #columns#)
SELECT toStartOfFiveMinutes(minute), 1, minute, #columns#
FROM cells_live
WHERE product_id = {product:String} AND minute >= toDateTime({from_s:UInt32}, 'UTC')
    AND minute < toDateTime({until_s:UInt32}, 'UTC')
"""
_LIVE = """
INSERT INTO cells_live (minute, epoch, partition, version, #columns#)
SELECT minute, 1, {partition:UInt16}, 1, #columns# FROM (#recompute#)
"""
_BLOCKS = """
INSERT INTO settled_blocks
(product_id, block, run, settled_at, rows, touched_at, cause, cells, events, live_events)
SELECT product_id, block, 1, now64(3), sum(t.rows), max(touched_at), 'closed', 0, sum(t.rows), sum(t.rows)
FROM touched_blocks AS t
WHERE product_id = {product:String} AND block < toDateTime({until_s:UInt32}, 'UTC')
GROUP BY product_id, block
"""
_DELIVERIES = """
INSERT INTO pilot_deliveries
(delivery_id, account_id, platform, flow, status, received, accepted, received_at, answered_at)
SELECT
    lower(hex(sipHash128(number, {trial:String}))), concat(platform, '-main'), platform, 'events', 200, 500, 500, at, at
FROM
(
    SELECT number, {platforms:Array(String)}[number % 5 + 1] AS platform,
        fromUnixTimestamp64Milli(toInt64({first_ms:Int64} + {span_ms:Int64} * number / {records:UInt64}), 'UTC') AS at
    FROM numbers({records:UInt64})
)
"""
_LOG = """
INSERT INTO log_records (topic, epoch, partition, offset, account_id, lines, stamped_at)
SELECT 'pilot-events.v1', 1, {partition:UInt16}, {offset:UInt64} + number,
    concat({platforms:Array(String)}[number % 5 + 1], '-main'), 500,
    fromUnixTimestamp64Milli(toInt64({first_ms:Int64} + {span_ms:Int64} * number / {records:UInt64}), 'UTC')
FROM numbers({records:UInt64})
"""
_PROGRESS = """
INSERT INTO worker_progress (epoch, partition, version, account_id, received_minute, counted)
SELECT 1, {partition:UInt16}, 1, account_id, toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute, count()
FROM pilot_events
WHERE trial_id = {trial:String}
GROUP BY account_id, minute
"""
_REJECTS = """
INSERT INTO pilot_rejects
(reject_id, account_id, platform, flow, reason, payload, received_at, delivery_id)
SELECT
    lower(hex(sipHash128(number, {trial:String}, 1))), concat(platform, '-main'), platform, 'events',
    ['occurred_at_too_old', 'unknown_placement', 'missing_field', 'invalid_value'][number % 4 + 1],
    concat('{"event_id":"e-', toString(number), '","product_id":"', {product:String}, '","kind":"exposure"}'),
    fromUnixTimestamp64Milli(toInt64({first_ms:Int64} + {span_ms:Int64} * number / {rejects:UInt64}), 'UTC'), 'd'
FROM (SELECT number, {platforms:Array(String)}[number % 5 + 1] AS platform FROM numbers({rejects:UInt64}))
"""


@dataclass(frozen=True, slots=True)
class Making:
    """What one store is made of."""

    clickhouse: ClickHouse
    events: int
    trials: int = TRIALS
    """Fewer of the forty have events: what a trial's page reads depends on its own."""

    @property
    def client(self) -> Client:
        """The client of this thread."""
        return self.clickhouse.writer()

    def parameters(self, number: int) -> dict[str, Any]:
        """Return the parameters of a trial's statements."""
        product = f"product-{number:02d}"
        events = self.events // TRIALS
        return {
            "trial": f"trial-{number:02d}",
            "product": product,
            "place_prefix": f"p-{number:02d}-",
            "partition": partition_of(product, PARTITIONS),
            "platforms": list(PLATFORMS),
            "record": RECORD,
            "days": DAYS,
            "visits": max(1, events // VISIT_EVENTS),
            "first_ms": FIRST_MS,
            "until_ms": NOW_MS,
            "span_ms": NOW_MS - FIRST_MS,
            "records": max(1, events // RECORD),
            "rejects": max(1, events // REJECT_SHARE),
            "offset": number * 10_000_000,
        }


def make(making: Making, first: int, done: Callable[[int], None]) -> None:
    """Make the trials from number *first* on, one whole after the other; tell *done* how many there are by then."""
    migrate(making.clickhouse)
    if not first:
        _marks(making)
    for number in range(first, making.trials):
        _make_trial(making, number)
        until_s, product_id = SETTLED_UNTIL_MS // 1000, f"product-{number:02d}"
        making.client.command(_BLOCKS, parameters={"until_s": until_s, "product": product_id})
        _roll_hours(making, product_id)
        roll_days(making.clickhouse)
        done(number + 1)


def _make_trial(making: Making, number: int) -> None:
    parameters, client = making.parameters(number), making.client
    events, chunk = making.events // TRIALS, 500_000
    for start in range(0, events, chunk):
        client.command(_EVENTS, parameters={**parameters, "from": start, "count": min(chunk, events - start)})
    for statement in (_SWITCHES, _DELIVERIES, _LOG, _PROGRESS, _REJECTS):
        client.command(statement, parameters=parameters)
    step = 15 * DAY_MS
    for from_ms in range(FIRST_MS, NOW_MS, step):
        # The road's live cells are what a settlement comes to: computed once, and settled as they are.
        for statement, until_ms in ((_LIVE, NOW_MS), (_SETTLED, SETTLED_UNTIL_MS)):
            span = {"from_s": from_ms // 1000, "until_s": min(from_ms + step, until_ms) // 1000}
            sql = statement.replace("#columns#", _COLUMNS).replace(
                "#recompute#", query("recompute", events="span_events")
            )
            client.command(sql, parameters={**parameters, **span, "retired_trials": [], "retired_until_ms": []})


def _marks(making: Making) -> None:
    for partition in range(PARTITIONS):
        making.client.command(
            "INSERT INTO sink_sources (topic, epoch, partition, next_offset, watermark_ms, read_to_end_ms) "
            "VALUES ('pilot-events.v1', 1, {partition:UInt16}, 1000000000, {at:Int64}, {at:Int64})",
            parameters={"partition": partition, "at": NOW_MS - 1000},
        )
        making.client.command(
            "INSERT INTO worker_sources (epoch, partition, version, next_offset, watermark_ms) "
            "VALUES (1, {partition:UInt16}, 1, 1000000000, {at:Int64})",
            parameters={"partition": partition, "at": NOW_MS - 1000},
        )


def _roll_hours(making: Making, product_id: str) -> None:
    first, last = FIRST_MS - FIRST_MS % HOUR_MS, SETTLED_UNTIL_MS - SETTLED_UNTIL_MS % HOUR_MS
    hours = [at // 1000 for at in range(first, last, HOUR_MS)]
    parameters = {"products": [product_id] * len(hours), "hours": hours, "run": RUN}
    making.client.command(
        query("roll_hours"), parameters={**parameters, "from_s": hours[0], "until_s": hours[-1] + HOUR_MS // 1000}
    )
    making.client.command(
        "INSERT INTO rolled_hours SELECT {product:String}, toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'), 1, "
        "now64(3) + 5",
        parameters={"product": product_id, "hours": hours},
    )


def roll_days(clickhouse: ClickHouse) -> int:
    """Sum the days that are over, as settlement does; return how many."""
    roller = DayRoller(SinkSettings(roll_days=100), ManualClock(NOW_MS))
    client, found = clickhouse.writer(), 0
    roller.look(client)
    while days := roller.roll(client, (), NOW_MS - 5 * MINUTE_MS):
        found += len(days)
    return found
