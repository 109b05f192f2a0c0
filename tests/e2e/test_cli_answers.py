"""The command line as an operator and a partner meet it beside a running stack."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import BATCH_ACCOUNT, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

STORED_S = 30.0
FORGOTTEN_S = 60.0
TRIAL = "neuro-band-demo"


def ended(stack: Stack, *words: str, code: int = 0) -> str:
    """Run `avenue …`, expect exit *code*, and return what it said: on standard error alone where it is 2."""
    done = stack.command(*words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def answer(stack: Stack, *words: str) -> Any:
    """Run `avenue … --json` and return what it answered; nothing else is on standard output."""
    return json.loads(ended(stack, *words, "--json"))


def test_sql_answers_one_json_object_a_line(stack: Stack) -> None:
    text = ended(stack, "sql", "SELECT number AS n, '脑' AS word FROM numbers(2) WHERE word != 'a;b' -- two; rows\n;")

    assert [json.loads(line) for line in text.splitlines()] == [{"n": 0, "word": "脑"}, {"n": 1, "word": "脑"}]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELEC 1", "Syntax error"),
        ("SELECT nothing FROM events", "nothing"),
        ("SELECT 1 FROM no_such_table", "no_such_table"),
        ("", "query"),
    ],
)
def test_a_broken_query_is_refused_in_the_engine_s_words_on_one_line(stack: Stack, query: str, told: str) -> None:
    text = ended(stack, "sql", query, code=1)

    assert told.lower() in text.lower()
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO pilot_rejects (reject_id) VALUES ('mine')",
        "DROP TABLE pilot_events",
        "TRUNCATE TABLE pilot_events",
        "ALTER TABLE pilot_events DELETE WHERE 1",
        "CREATE TABLE mine (n UInt8) ENGINE = Memory",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT 1; DROP TABLE pilot_events",
    ],
)
def test_what_is_no_reading_is_refused(stack: Stack, query: str) -> None:
    before = stack.number("SELECT count() FROM system.tables WHERE database = currentDatabase()")

    text = ended(stack, "sql", query, code=1)

    assert len(text.splitlines()) == 1
    assert stack.number("SELECT count() FROM system.tables WHERE database = currentDatabase()") == before
    assert stack.number("SELECT count() FROM pilot_rejects WHERE reject_id = 'mine'") == 0


def events_file(folder: Path, *lines: bytes) -> str:
    path = folder / "events.ndjson"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


def event(**change: Any) -> bytes:
    base = {
        "event_id": f"cli-{uuid.uuid4().hex}",
        "kind": "interaction",
        "occurred_at": datetime.now(UTC).isoformat(),
        "product_id": "neuro-band",
    }
    return json.dumps({name: value for name, value in (base | change).items() if value is not None}).encode()


def test_a_file_with_garbage_is_sent_and_each_line_that_is_none_is_named(stack: Stack, tmp_path: Path) -> None:
    twice = event()
    lines = (twice, b"{broken \xff", b"", b"7", event(event_id=None, evnt_id="e-1"), event(kind="interact"), twice)
    file = events_file(tmp_path, *lines)

    text = ended(stack, "send", file, "--url", stack.url, "--key", stack.pushing_key(BATCH_ACCOUNT), code=1)

    told = text.splitlines()
    assert told[0].startswith("line 2 (no id) rejected malformed")
    assert told[1].startswith("line 4 (no id) rejected not_an_object")
    assert told[2] == "line 5 (no id) rejected missing_field (event_id): event_id is required; evnt_id is no field of an event: is it meant for event_id?"  # fmt: skip
    assert "did you mean interaction?" in told[3]
    assert told[4].endswith(" duplicate")
    assert told[5].startswith("1 accepted, 1 duplicate, 4 rejected, 0 unsent; 1 requests")


def test_a_test_event_is_seen_at_every_hop_and_in_no_trial(stack: Stack) -> None:
    headers = {"authorization": f"Bearer {stack.pushing_key(BATCH_ACCOUNT)}"}

    told = httpx.post(f"{stack.url}/v1/test", headers=headers, timeout=30).json()

    after = {hop["hop"]: hop["after_ms"] for hop in told["hops"]}
    assert told["passed"], told
    assert 0 == after["gateway"] <= after["kafka"] <= after["clickhouse"] < 10_000
    assert after["kafka"] <= after["worker"] < 10_000
    way = httpx.get(f"{stack.url}/v1/deliveries/{told['delivery_id']}", headers=headers, timeout=30).json()
    hops = {hop["hop"]: (hop["after_ms"], hop["events"]) for hop in way["hops"]}
    assert way["complete"], way
    assert (hops["counted"], hops["stored"]) == ((after["worker"], 1), (after["clickhouse"], 1))
    sql = f"SELECT trial_id, product_id FROM events WHERE event_id = '{told['event_id']}'"  # noqa: S608 - an id of the server's
    (row,) = (json.loads(line) for line in ended(stack, "sql", sql).splitlines())
    assert (row["trial_id"].split(".")[0], row["product_id"].split(".")[0]) == ("sandbox", "sandbox")


def test_a_key_that_does_not_hold_ends_a_sending_with_2(stack: Stack, tmp_path: Path) -> None:
    file = events_file(tmp_path, event())

    text = ended(stack, "send", file, "--url", stack.url, "--key", "avk_none", code=2)

    assert "the key is unknown, expired or revoked" in text
    assert "avk_none" not in text


def test_a_kept_reject_is_listed_and_shown(stack: Stack, tmp_path: Path) -> None:
    mine = f"cli-{uuid.uuid4().hex}"
    file = events_file(tmp_path, event(event_id=mine, product_id="no-such-product"))
    ended(stack, "send", file, "--url", stack.url, "--key", stack.pushing_key(BATCH_ACCOUNT), code=1)
    listing = ("rejects", "list", "--account", BATCH_ACCOUNT, "--reason", "unknown_product", "--limit", "1000")

    def kept() -> list[str]:
        ids = [row["reject_id"] for row in answer(stack, *listing)]
        return [one for one in ids if mine in answer(stack, "rejects", "show", one)["payload"]]

    wait_until(lambda: bool(kept()), STORED_S, "the reject was not stored")
    shown = answer(stack, "rejects", "show", kept()[0])

    assert {"reject_id", "account_id", "platform", "flow", "reason", "field", "message", "payload", "received_at"} <= set(shown)  # fmt: skip
    assert (shown["account_id"], shown["flow"], shown["reason"]) == (BATCH_ACCOUNT, "events", "unknown_product")
    assert shown["reject_id"] in ended(stack, *listing)
    assert "no kept reject 'no/such'" in ended(stack, "rejects", "show", "no/such", code=1)
    assert "there is no account 'push-dem'; did you mean push-demo?" in ended(
        stack, "rejects", "list", "--account", "push-dem", code=2
    )
    assert "there is no account 'nobody'. Known are: " in ended(
        stack, "rejects", "replay", "--account", "nobody", code=2
    )


def test_keys_are_issued_listed_and_revoked_as_programs_read_it(stack: Stack) -> None:
    issued = answer(stack, "key", "issue", "--scope", "startup:calmwave", "--expires", "1d")
    secret = ended(stack, "key", "issue", "--scope", "programme").splitlines()[-1]
    revoked = answer(stack, "key", "revoke", issued["id"])

    assert set(issued) == {"id", "key", "scope", "expires_at"}
    assert secret.startswith("avk_p")
    assert revoked["id"] == issued["id"]
    states = {key["id"]: key["state"] for key in answer(stack, "key", "list")}
    assert states[issued["id"]] == "revoked"
    assert "no startup 'calmwav'" in ended(stack, "key", "issue", "--scope", "startup:calmwav", code=2)


def test_the_registry_in_force_is_shown_and_its_own_file_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    shown = tmp_path / "shown.toml"
    shown.write_text(ended(stack, "registry", "show"))

    assert answer(stack, "registry", "plan", str(shown))["changes"] == []
    assert {"version", "registry", "epochs"} <= set(answer(stack, "registry", "show"))
    assert answer(stack, "registry", "check", str(shown))["problems"] == []


def test_the_doctor_finds_nothing_and_topics_are_listed(stack: Stack) -> None:
    found = answer(stack, "doctor")
    topics = {topic["topic"]: topic for topic in answer(stack, "topics", "list")}

    assert (found["ok"], found["first_broken"]) == (True, None)
    assert {check["state"] for check in found["checks"]} <= {"well", "skipped"}
    assert topics["pilot-events.v1"]["epoch"] == 1


def test_a_report_goes_where_it_is_told_and_an_unknown_trial_is_named(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "report.json"

    said = ended(stack, "report", TRIAL, "--lang", "en", "-o", str(file))

    assert said == f"{file}\n"
    assert json.loads(file.read_text())
    assert json.loads(ended(stack, "report", TRIAL, "--format", "json", "-o", "-"))
    assert "no-such-trial" in ended(stack, "report", "no-such-trial", code=1)


def test_a_report_that_the_running_stack_froze_holds_by_its_key(stack: Stack, tmp_path: Path) -> None:
    file, extract, key = (tmp_path / name for name in ("frozen.json", "frozen.extract.parquet", "key.pem"))

    said = ended(stack, "report", TRIAL, "--freeze", "-o", str(file))
    key.write_text(ended(stack, "report", "key"))
    held = ended(stack, "report", "verify", str(file), "--data", str(extract), "--public-key", str(key))

    assert said.splitlines() == [str(file), str(extract)]
    assert held.startswith("verified: signed by key ")


def test_reconcile_prints_every_sum_and_no_difference(stack: Stack, tmp_path: Path) -> None:
    file = events_file(tmp_path, event())
    ended(stack, "send", file, "--url", stack.url, "--key", stack.pushing_key(BATCH_ACCOUNT))

    found = answer(stack, "reconcile")
    said = ended(stack, "reconcile", "--trial", TRIAL).splitlines()

    assert found["differences"] == []
    assert found["sums"]
    assert all(item["closed"] for item in found["sums"])
    assert said[-1].endswith(" sums, 0 open; 0 differences")
    assert "no-such-trial" in ended(stack, "reconcile", "--trial", "no-such-trial", code=1)


def test_what_a_key_read_is_in_the_audit_with_no_line_missing(stack: Stack) -> None:
    # The command line's own questions go by a key of the stack, too.
    ended(stack, "report", TRIAL, "--format", "json", "-o", str(stack.home / "audited.json"))

    def exports() -> list[dict[str, Any]]:
        lines = ended(stack, "audit", "--since", "10m", "--trial", TRIAL, "--json").splitlines()
        return [line for line in map(json.loads, lines) if line["route"] == "/v1/trials/{trial_id}/report"]

    found = wait_until(exports, STORED_S, "no line says that the report was made")
    assert found[-1].keys() >= {"at", "key", "scope", "method", "status", "sent_bytes", "whole"}
    assert (found[-1]["scope"], found[-1]["status"], found[-1]["whole"]) == ("operator", 200, True)


def test_a_change_by_a_command_is_in_the_audit_whose_chains_hold_by_heads_kept_elsewhere(stack: Stack) -> None:
    heads = stack.home / "heads.ndjson"
    heads.write_text(ended(stack, "audit", "--heads"))
    key = answer(stack, "key", "issue", "--scope", "programme")
    ended(stack, "key", "revoke", key["id"])

    noted = [json.loads(line) for line in ended(stack, "audit", "--since", "10m", "--json").splitlines()]
    steps = [(line["route"], line["status"]) for line in noted if line["subject"] == key["id"]]
    assert steps == [("key issue", 202), ("key issue", 200), ("key revoke", 202), ("key revoke", 200)]
    assert key["key"] not in json.dumps(noted)
    found = answer(stack, "audit", "--verify", "--against", str(heads))
    assert found["holds"], found
    assert found["lines"] >= len(noted)
    assert ended(stack, "audit", "--verify").splitlines()[-1] == "every chain holds"

    kept = json.loads(heads.read_text().splitlines()[0])
    heads.write_text(json.dumps({**kept, "sha256": "0" * 64}))
    assert f"! head: {kept['process']} line" in ended(stack, "audit", "--verify", "--against", str(heads), code=1)
    assert "two questions" in ended(stack, "audit", "--verify", "--heads", code=2)
    assert "no --since" in ended(stack, "audit", "--verify", "--since", "1h", code=2)
    assert "give both" in ended(stack, "audit", "--against", str(heads), code=2)
    heads.write_text("{}")
    assert "heads.ndjson:1 is no head" in ended(stack, "audit", "--verify", "--against", str(heads), code=2)


def test_a_subject_is_forgotten_and_what_it_did_still_counts(stack: Stack, tmp_path: Path) -> None:
    person, mine = f"person-{uuid.uuid4().hex}", f"cli-{uuid.uuid4().hex}"
    sent = [event(event_id=f"{mine}-{n}", subject=person, session_id=f"s-{mine}") for n in range(2)]
    file = events_file(tmp_path, *sent, event(event_id=mine, product_id="no-such-product", subject=person))
    ended(stack, "send", file, "--url", stack.url, "--key", stack.pushing_key(BATCH_ACCOUNT), code=1)

    def stored(columns: str) -> list[dict[str, Any]]:
        sql = f"SELECT {columns} FROM events WHERE startsWith(event_id, '{mine}')"  # noqa: S608 - an id of this test's
        return [json.loads(line) for line in ended(stack, "sql", sql).splitlines()]

    def payloads() -> list[str]:
        sql = f"SELECT payload FROM pilot_rejects WHERE event_id = '{mine}'"  # noqa: S608 - an id of this test's
        return [json.loads(line)["payload"] for line in ended(stack, "sql", sql).splitlines()]

    wait_until(lambda: len(stored("event_id")) == 2 and payloads(), STORED_S, "the events were not stored")
    assert all(row["subject"] for row in stored("subject"))
    words = ("forget", "--account", BATCH_ACCOUNT, "--subject", person)
    asked = answer(stack, *words)
    assert asked["events_at"] is None

    wait_until(lambda: answer(stack, *words)["events_at"], FORGOTTEN_S, "the subject is not forgotten")
    assert [(row["subject"], row["session_id"]) for row in stored("subject, session_id")] == [("", "")] * 2
    assert payloads() == [""]
    assert "by " + asked["topics_until"] in ended(stack, *words)
    assert answer(stack, "reconcile")["differences"] == []
    replay = ended(stack, "rejects", "replay", "--account", BATCH_ACCOUNT, "--reason", "unknown_product", code=1)
    assert "cannot be replayed" in replay
    noted = [json.loads(line) for line in ended(stack, "audit", "--since", "10m", "--json").splitlines()]
    assert {(line["route"], line["subject"]) for line in noted} >= {("forget", BATCH_ACCOUNT)}
    assert person not in json.dumps(noted)
    assert "'nobody' has no hash key" in ended(stack, "forget", "--account", "nobody", "--subject", "x", code=2)
    assert "--subject: 1 to 128" in ended(stack, "forget", "--account", BATCH_ACCOUNT, "--subject", "", code=2)
