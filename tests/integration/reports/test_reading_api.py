"""The reading API from outside: paths, scopes, parameters, exports, live events."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow.csv
import pyarrow.parquet
import pytest
from litestar.testing import TestClient
from openapi_spec_validator import validate

from avenue.serve.application import http_application
from reports.api.auth import session_cookie
from reports.queries.compared_parts import ComparePick, compared
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ReportSettings, Settings
from tests.support.live_watcher import LiveWatcher
from tests.support.reports_harness import KEYS, NOW, START, World, cells_of, event, made_up

pytestmark = pytest.mark.clickhouse

TRIAL_PATHS = ("", "/metrics", "/readout", "/comparison", "/rejects", "/events", "/report", "/live")
Client = TestClient[Any]


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    world = World(clickhouse)
    events = made_up(300, seed=3)
    world.store(events)
    world.live(cells_of(events))
    return world


@pytest.fixture
def reading(world: World) -> Iterator[ReadService]:
    settings = Settings(report=ReportSettings(live_every_s=0.05, max_points=5000))
    made = ReadService(world.clickhouse, lambda: world.directory, settings, ManualClock(NOW))
    yield made
    made.close()


@pytest.fixture
def client(reading: ReadService) -> Iterator[Client]:
    with TestClient(
        http_application(reading.settings, reading.directory, read_service=reading), raise_server_exceptions=False
    ) as client:
        yield client


def as_(scope: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[scope]}"}


CALMWAVE, LIMBUS = as_("startup:calmwave"), as_("startup:limbus")


def test_anothers_trial_answers_byte_for_byte_as_one_that_does_not_exist(client: Client) -> None:
    for path in TRIAL_PATHS:
        theirs = client.get(f"/v1/trials/neuro{path}?metric=nonsense&to=never", headers=LIMBUS)
        nowhere = client.get(f"/v1/trials/no-such{path}?metric=nonsense&to=never", headers=LIMBUS)

        assert theirs.status_code == nowhere.status_code == 404
        assert theirs.content == nowhere.content
        assert dict(theirs.headers) == dict(nowhere.headers)


def test_two_times_of_a_trial_stand_side_by_side_as_the_page_compares_them(client: Client, world: World) -> None:
    days = {"from1": "2026-11-20", "to1": "2026-11-20", "from2": "2026-11-21", "to2": "2026-11-21"}
    trial = world.directory.trials["neuro"]

    usual = client.get("/v1/trials/neuro/comparison?with=neuro", headers=CALMWAVE).json()
    asked = client.get("/v1/trials/neuro/comparison", params=days, headers=CALMWAVE).json()
    across = client.get("/v1/trials/neuro/comparison", params={**days, "from2": "2026-11-20"}, headers=CALMWAVE)
    same = compared(world.context(), [trial], ComparePick.read({"trial": "neuro", **days}))

    assert [(one["of"], len(one["sides"])) for one in (usual, asked)] == [("periods", 2)] * 2
    assert [(side["kind"], side["from"], side["to"]) for side in asked["sides"]] == [
        ("part", "2026-11-20T00:00:00+08:00", "2026-11-21T00:00:00+08:00"),
        ("part", "2026-11-21T00:00:00+08:00", "2026-11-22T00:00:00+08:00"),
    ]
    rows = {(m["metric"], row["side"], row["arm"]): row for m in asked["metrics"] for row in m["rows"]}
    said = {(row.metric, n, row.arm): row for n, side in enumerate(same.sides, 1) for row in side.rows}
    assert {key: (row["estimate"], row["n"], row["units"]) for key, row in rows.items()} == {
        key: (row.estimate, row.n, row.units) for key, row in said.items()
    }
    names = ("planned_design", "units", "silent", "coverage", "primary_metric", "more_primary_metrics")
    assert [tuple(side[name] for name in names) for side in asked["sides"]] == [
        (side.planned_design, side.units, side.silent, side.covered, trial.primary_metric, []) for side in same.sides
    ]
    assert len([row for row in rows.values() if row["estimate"] is not None]) > 8
    assert next(limit["code"] for limit in asked["limits"]) == "time_passed"
    assert all(limit["text"]["zh"] and limit["text"]["en"] for limit in asked["limits"])
    assert (
        asked["freshness"]["as_of"]
        == client.get("/v1/trials/neuro/readout", headers=CALMWAVE).json()["freshness"]["as_of"]
    )
    assert (across.status_code, across.json()["parameter"]) == (400, "from2")


def test_anothers_trial_is_compared_with_nobodys(client: Client) -> None:
    """Not by its own startup's key, nor by one that sees both: two startups' trials are nobody's to compare."""
    theirs, nowhere = (client.get(f"/v1/trials/neuro/comparison?with={one}", headers=CALMWAVE) for one in ("emg", "no"))
    by_operator = client.get("/v1/trials/neuro/comparison?with=emg", headers=as_("operator"))

    assert theirs.status_code == nowhere.status_code == by_operator.status_code == 404
    assert theirs.content == nowhere.content
    assert client.get("/v1/trials/emg", headers=as_("operator")).status_code == 200


def test_without_a_key_nothing_is_told_and_a_sending_key_reads_nothing(client: Client) -> None:
    asking: tuple[dict[str, str], ...] = ({}, {"authorization": "Bearer x"}, as_("account:sunmi-main"))
    for path in ("/v1/me", "/v1/products", "/v1/trials", "/v1/avenue", *(f"/v1/trials/neuro{p}" for p in TRIAL_PATHS)):
        answers = [client.get(path, headers=headers) for headers in asking]

        assert [answer.status_code for answer in answers] == [401, 401, 403]
        assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def test_a_startup_is_shown_its_own_and_nothing_of_the_other(client: Client) -> None:
    shown = [client.get(path, headers=LIMBUS).json() for path in ("/v1/me", "/v1/products", "/v1/trials", "/v1/avenue")]

    text = json.dumps(shown)
    assert "emg-arm" in text
    assert not any(name in text for name in ("neuro", "p-1", "p-2", "calmwave", '"baseline"'))
    assert [place["state"] for place in shown[3]["places"]].count("occupied") == 3


def test_the_programme_sees_every_trial(client: Client) -> None:
    assert client.get("/v1/me", headers=as_("programme")).json()["trials"] == ["emg", "neuro"]


def test_the_session_cookie_stands_for_its_key_until_it_ends_or_the_key_does(
    client: Client, reading: ReadService, world: World
) -> None:
    key = next(k for k in world.directory.keys.values() if k.scope == "startup:calmwave")
    cookie = session_cookie(key, reading, secure=False)
    client.cookies.set(cookie.key, cookie.value or "")

    assert client.get("/v1/me").json()["startup"] == "calmwave"
    client.cookies.set(cookie.key, (cookie.value or "").replace(key.id, "k-1"))
    assert client.get("/v1/me").status_code == 401
    client.cookies.set(cookie.key, cookie.value or "")
    reading.clock.advance(13 * 3_600_000)  # type: ignore[attr-defined]  # a manual clock
    assert client.get("/v1/me").status_code == 401


def test_points_are_start_value_n_in_shanghai_with_freshness(client: Client, world: World) -> None:
    world.live(cells_of([event(9000, kind="use.completed", outcome="failed", occurred_ms=NOW)], version=9))

    answer = client.get(
        "/v1/trials/neuro/metrics",
        headers=CALMWAVE,
        params={"metric": "success_rate", "from": "2026-11-22T12:00:00+08:00", "step": "minute", "by": "arm"},
    ).json()

    assert (answer["metric"], answer["unit"], answer["step"]) == ("success_rate", "share", "minute")
    assert answer["series"] == [{"by": {"arm": "pilot"}, "points": [["2026-11-22T12:03:00+08:00", 0.0, 1]]}]
    assert answer["freshness"].keys() >= {"as_of", "lag_s", "rejected", "flagged_windows"}


def test_repeated_metrics_come_in_the_order_asked(client: Client) -> None:
    answer = client.get("/v1/trials/neuro/metrics?metric=revenue_fen&metric=events&step=day", headers=CALMWAVE).json()

    assert [m["metric"] for m in answer["metrics"]] == ["revenue_fen", "events"]
    assert sum(n for *_, n in answer["metrics"][1]["series"][0]["points"]) == 300


WRONG = [
    ("metric=sucess_rate", "metric", "success_rate"),
    ("step=week", "step", "minute"),
    ("by=colour", "by", "placement"),
    ("metric=uptime&by=kind", "by", "arm"),
    ("from=yesterday", "from", "2026-11-22"),
    ("from=2026-11-22&to=2026-11-21", "to", ""),
]


def test_a_wrong_parameter_is_named_with_what_is_allowed(client: Client) -> None:
    for query, parameter, allowed in WRONG:
        answer = client.get(f"/v1/trials/neuro/metrics?{query}", headers=CALMWAVE)

        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), query
        assert answer.json()["parameter"] == parameter
        assert allowed in "".join(answer.json().get("allowed", [""]))


def test_a_plus_that_was_not_escaped_is_read_as_one(client: Client) -> None:
    answer = client.get(
        "/v1/trials/neuro/metrics?metric=events&from=2026-11-20T00:00:00+08:00&to=2026-11-21T00:00:00%2B08:00&step=day",
        headers=CALMWAVE,
    )

    assert [start for start, _, _ in answer.json()["series"][0]["points"]] == ["2026-11-20T00:00:00+08:00"]


def test_too_many_points_name_the_step(client: Client) -> None:
    answer = client.get("/v1/trials/neuro/metrics?metric=coverage&by=placement&step=minute", headers=CALMWAVE)

    assert (answer.status_code, answer.json()["parameter"]) == (400, "step")


EXPORT = "/v1/trials/neuro/events"


def test_csv_has_a_bom_and_every_event_once(client: Client, world: World) -> None:
    world.store([event(900, attributes=msgspec.Raw('{"scene":"咖啡, \\"馆\\""}'.encode()))] * 2)
    answer = client.get(EXPORT, headers=CALMWAVE)

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(rows) == len({row["event_id"] for row in rows}) == 301
    assert json.loads(answer.headers["x-avenue-freshness"])["rejected"] == 0


def test_each_form_says_what_it_is_and_has_a_file_s_name(client: Client) -> None:
    forms = {
        "csv": "text/csv; charset=utf-8",
        "ndjson": "application/x-ndjson",
        "parquet": "application/vnd.apache.parquet",
    }
    by_format = {form: client.get(f"{EXPORT}?format={form}", headers=CALMWAVE) for form in forms}
    by_accept = {form: client.get(EXPORT, headers={**CALMWAVE, "accept": media}) for form, media in forms.items()}

    for found in (by_format, by_accept):
        assert {form: answer.headers["content-type"] for form, answer in found.items()} == forms
        names = {form: answer.headers["content-disposition"] for form, answer in found.items()}
        assert names == {form: f'attachment; filename="neuro.{form}"' for form in forms}


def test_csv_has_an_empty_cell_where_there_is_no_number(client: Client, world: World) -> None:
    world.store([event(901), event(902, kind="use.completed", outcome="ok", duration_ms=0, amount_fen=5, rating=1)])
    content = client.get(EXPORT, headers=CALMWAVE).content

    rows = {row["event_id"]: row for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))}
    table = pyarrow.csv.read_csv(io.BytesIO(content))
    numbers = ("duration_ms", "amount_fen", "rating")
    assert [rows["e-901"][name] for name in numbers] == ["", "", ""]
    assert [rows["e-902"][name] for name in numbers] == ["0", "5", "1"]
    # Whoever guesses types finds whole numbers, and knows which are absent.
    assert {str(table.schema.field(name).type) for name in numbers} == {"int64"}
    assert table["duration_ms"].null_count == sum(row["duration_ms"] == "" for row in rows.values()) > 0


FORMULAS = ["=1+1", "+1", "-1", "@sum", "'quoted", "\tx", "\rx", "＝1", "e-1", "a=b", ""]


def test_csv_has_no_text_that_a_spreadsheet_runs_and_the_other_forms_have_it_as_it_came(
    client: Client, world: World
) -> None:
    sent = [event(n, event_id=f"{n}", session_id=text) for n, text in enumerate(FORMULAS, 1000)]
    sent.append(event(1999, event_id="-dash", session_id="dash", arm="=arm", outcome="@", subject="+"))
    world.store(sent)
    found = {form: client.get(f"{EXPORT}?format={form}", headers=CALMWAVE) for form in ("csv", "ndjson", "parquet")}

    cells = list(csv.DictReader(io.StringIO(found["csv"].content.decode("utf-8-sig"), newline="")))
    plain = {row["event_id"]: row["session_id"] for row in map(json.loads, found["ndjson"].text.splitlines())}
    table = pyarrow.parquet.read_table(io.BytesIO(found["parquet"].content)).to_pylist()
    assert len(cells) == 300 + len(sent)
    assert not [text for row in cells for text in row.values() if text[:1] in {*"=+-@\t\r＝＋－＠"}]
    # Undone by the documented rule: one apostrophe less.
    undone = {row["event_id"].removeprefix("'"): row["session_id"].removeprefix("'") for row in cells}
    assert {str(n): text for n, text in enumerate(FORMULAS, 1000)}.items() <= undone.items()
    assert undone["-dash"] == "dash"
    assert undone == plain == {row["event_id"]: row["session_id"] for row in table}


def test_ndjson_reads_back_as_the_events_that_were_stored(client: Client) -> None:
    answer = client.get(EXPORT, headers={**CALMWAVE, "accept": "application/x-ndjson"})

    found = {row["event_id"]: row for row in map(json.loads, answer.text.splitlines())}
    assert len(found) == 300
    for want in made_up(300, seed=3):
        row = found[want.event_id]
        assert (row["kind"], row["amount_fen"], row["arm"]) == (want.kind, want.amount_fen, want.arm)
        assert datetime.fromisoformat(row["occurred_at"]).timestamp() * 1000 == pytest.approx(want.occurred_ms)


def test_parquet_reads_back_with_types(client: Client) -> None:
    answer = client.get(f"{EXPORT}?format=parquet&to=2026-11-21", headers=CALMWAVE)

    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    assert table.num_rows == sum(e.occurred_ms < START + 86_400_000 for e in made_up(300, seed=3))
    assert str(table.schema.field("occurred_at").type) == "timestamp[ms, tz=UTC]"


def test_a_form_that_nobody_offers_is_refused(client: Client) -> None:
    by_accept = client.get(EXPORT, headers={**CALMWAVE, "accept": "image/png"})
    by_format = client.get(f"{EXPORT}?format=xls", headers=CALMWAVE)

    assert (by_accept.status_code, by_format.status_code) == (406, 400)


def test_an_export_with_too_many_rows_is_refused_before_it_begins(world: World) -> None:
    reading = ReadService(
        world.clickhouse, lambda: world.directory, Settings(report=ReportSettings(export_rows=10)), ManualClock(NOW)
    )
    with TestClient(http_application(reading.settings, reading.directory, read_service=reading)) as client:
        answer = client.get(EXPORT, headers=CALMWAVE)

    reading.close()
    assert (answer.status_code, answer.json()["parameter"]) == (400, "from")


def test_readout_says_that_it_is_not_enough_yet(client: Client) -> None:
    answer = client.get("/v1/trials/neuro/readout", headers=CALMWAVE).json()

    first = answer["metrics"][0]
    assert (first["metric"], first["role"], answer["baseline_arm"]) == ("success_rate", "primary", "baseline")
    assert {arm["reason"] for arm in first["arms"]} == {"too_few_days"}
    assert [arm["lift"] is None for arm in first["arms"]] == [True, False]
    lift = first["arms"][1]["lift"]
    assert (answer["design"], lift["reason"], lift["absolute"]) == ("one_place", "one_place", None)
    assert "baseline period" in lift["next_step"]["en"]
    assert lift["next_step"] == answer["comparison"]["next_step"]
    assert [line["check"] for line in answer["health"]] == [
        "arriving",
        "units",
        "silent",
        "balance",
        "coverage",
        "placements",
        "blocks",
        "flagged",
        "crossover",
    ]


@pytest.fixture
def app(reading: ReadService) -> Any:
    return http_application(reading.settings, reading.directory, read_service=reading)


async def test_live_tells_new_counts_when_they_land(app: Any, world: World) -> None:
    watching = LiveWatcher(app, "/v1/trials/neuro/live", CALMWAVE)
    before = await watching.counts()
    world.live(cells_of([event(9001, occurred_ms=NOW)], version=9))
    after = await watching.counts()

    await watching.leave()
    assert after["events"] == before["events"] + 1


async def test_live_ends_when_the_key_is_revoked(app: Any, world: World) -> None:
    watching = LiveWatcher(app, "/v1/trials/neuro/live", CALMWAVE)
    before = await watching.counts()

    world.directory = replace(world.directory, keys={})
    world.live(cells_of([event(9001, occurred_ms=NOW)], version=9))
    told = await watching.end()

    await watching.leave()
    assert "events" in before
    assert told == []


def test_the_report_is_in_the_language_asked_for(client: Client) -> None:
    answer = client.get("/v1/trials/neuro/report?lang=en", headers=CALMWAVE)

    assert '<html lang="en"' in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/v1/trials/neuro/report?lang=fr", headers=CALMWAVE).json()["parameter"] == "lang"


def test_definitions_need_no_key_and_the_openapi_document_is_valid(client: Client) -> None:
    definitions = client.get("/v1/metrics").json()["metrics"]
    document = client.get("/openapi.json").json()

    validate(document)
    assert len(definitions) == 20
    assert document["openapi"].startswith("3.1")
    assert {"/v1/me", "/v1/avenue", "/v1/trials/{trial_id}/metrics", "/v1/trials/{trial_id}/live"} <= document[
        "paths"
    ].keys()


def test_a_trial_says_until_when_it_is_kept_and_then_its_numbers_are_gone_and_not_nought(
    client: Client, reading: ReadService
) -> None:
    headers = {"authorization": f"Bearer {KEYS['programme']}"}
    (first, *_) = client.get("/v1/trials", headers=headers).json()["trials"]
    until = datetime.fromisoformat(first["kept_until"])
    assert until - datetime.fromisoformat(first["ends"]) == timedelta(days=365)
    clock = reading.clock
    assert isinstance(clock, ManualClock)

    def statuses() -> set[int]:
        paths = [path for path in TRIAL_PATHS if path not in {"", "/live"}]
        return {client.get(f"/v1/trials/{first['id']}{path}", headers=headers).status_code for path in paths}

    clock.set(round(until.timestamp() * 1000) - 1)
    assert statuses() == {200}
    clock.set(round(until.timestamp() * 1000))
    assert statuses() == {410}
    assert client.get(f"/v1/trials/{first['id']}/live", headers=headers).status_code == 410
    assert client.get(f"/v1/trials/{first['id']}", headers=headers).json()["kept_until"] == first["kept_until"]
