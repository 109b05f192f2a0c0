"""`avenue rejects replay` beside a running stack: events at a place that was not registered, and then is."""

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.stack import BATCH_ACCOUNT, MakeStack, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

STORED_S = 60.0
PRINTER, PLACEMENT = "N301LATE0099", "p-099-late"


@dataclass(frozen=True)
class Late:
    """A stack to which two events came at a place that it did not know, and a third that nobody can read."""

    stack: Stack
    batch_id: str
    native_id: str

    def rejects(self) -> dict[str, dict[str, Any]]:
        """Return the kept rejects by reason and account."""
        rows = self.stack.rows("SELECT reject_id, account_id, reason, replayed_at FROM rejects")
        return {f"{row['account_id']} {row['reason']}": row for row in rows}

    def stored(self) -> list[str]:
        """Return the accounts of its stored events."""
        found = self.stack.rows("SELECT event_id, account_id FROM events")
        return sorted(row["account_id"] for row in found if row["event_id"] in {self.batch_id, self.native_id})

    def register(self) -> None:
        """Register the place, for both accounts."""
        text = self.stack.registry.read_text()
        span = [line for line in text.splitlines() if line.startswith(("from = ", "until = "))][:2]
        for account, platform, match in (
            (BATCH_ACCOUNT, "push", ""),
            ("sunmi-main", "sunmi", f'match = {{ sn = "{PRINTER}" }}'),
        ):
            identity = PLACEMENT if platform == "push" else f"{PLACEMENT}-{platform}"
            lines = ["[[placements]]", f'id = "{identity}"', 'trial = "neuro-band-demo"', 'arm = "pilot"',
                     f'account = "{account}"', match, 'place = "m099"', "metre = 99", 'side = "north"', 'zone = "café"', *span]  # fmt: skip
            text += "\n".join(lines) + "\n"
        self.stack.registry.write_text(text)
        applied = self.stack.command("registry", "apply", str(self.stack.registry))
        assert applied.returncode == 0, applied.stdout + applied.stderr

    def replay(self, *words: str, code: int) -> dict[str, Any]:
        """Run `avenue rejects replay … --json` and return what it told."""
        done = self.stack.command("rejects", "replay", *words, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def late(make_stack: MakeStack) -> Late:
    stack = make_stack()
    batch_id = f"late-{uuid.uuid4().hex}"
    now = datetime.now(UTC)
    event = {
        "event_id": batch_id,
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": now.isoformat(),
        "placement_id": PLACEMENT,
        "subject": "visitor-1",
        "attributes": {"scene": "café"},
    }
    headers = {"authorization": f"Bearer {stack.pushing_key(BATCH_ACCOUNT)}", "content-type": "application/x-ndjson"}
    body = json.dumps(event).encode() + b"\n{broken\n"
    answer = httpx.post(f"{stack.url}/v1/events", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["rejected"]) == (200, 2)
    native_id = push_printer(stack, now)
    found = Late(stack, batch_id, native_id)
    wait_until(lambda: len(found.rejects()) == 3, STORED_S, "the rejects were not stored")
    return found


def push_printer(stack: Stack, now: datetime) -> str:
    """Push that the printer went online, as Sunmi does; return the event's id."""
    seconds = str(int(now.timestamp()))
    body = json.dumps(
        {"sn": PRINTER, "report_type": 4, "device_online_data": {"action": 1, "update_at": int(seconds)}}
    ).encode()
    signed = body + f"app{seconds}123456Online".encode()
    headers = {
        "Sunmi-Appid": "app",
        "Sunmi-Timestamp": seconds,
        "Sunmi-Nonce": "123456",
        "Sunmi-NotifyType": "Online",
        "Sunmi-Sign": hmac.new(b"sunmi_demo_key", signed, hashlib.sha256).hexdigest(),
    }
    answer = httpx.post(f"{stack.url}/in/sunmi-main/callback", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.text) == (200, "SUCCESS")
    return f"sm:{PRINTER}:Online:{seconds}:123456"


def outcomes(found: dict[str, Any]) -> dict[str, str]:
    return {f"{row['account_id']} {row['first_reason']}": row["outcome"] for row in found["results"]}


BATCH, NATIVE, BROKEN = (
    f"{BATCH_ACCOUNT} unknown_placement",
    "sunmi-main unknown_placement",
    f"{BATCH_ACCOUNT} malformed",
)


def test_rejects_of_a_place_that_was_registered_later_become_events_once(late: Late) -> None:
    assert outcomes(late.replay(code=1)) == {BATCH: "rejected", NATIVE: "rejected", BROKEN: "not_replayable"}
    late.register()
    wait_until(
        lambda: outcomes(late.replay("--dry-run", code=1))[NATIVE] == "accepted", STORED_S, "the registry did not hold"
    )
    assert late.stored() == []
    assert not any(row["replayed_at"] for row in late.rejects().values())

    done = late.replay(code=1)
    assert outcomes(done) == {BATCH: "accepted", NATIVE: "accepted", BROKEN: "not_replayable"}
    wait_until(lambda: len(late.stored()) == 2, STORED_S, "the events were not stored")
    wait_until(lambda: bool(late.rejects()[NATIVE]["replayed_at"]), STORED_S, "no word of the replay")
    kept = late.rejects()
    assert kept[BATCH]["replayed_at"]
    assert kept[BROKEN]["replayed_at"] is None

    assert late.replay("--reason", "unknown_placement", code=0)["results"] == []
    assert late.stored() == sorted([BATCH_ACCOUNT, "sunmi-main"])
    reconciled = late.stack.reconcile()
    assert (reconciled["ok"], reconciled["differences"]) == (True, [])
    assert all(item["closed"] for item in reconciled["sums"])
    cells = late.stack.rows("SELECT placement_id, events FROM metrics_by_minute")
    counted = {row["placement_id"]: int(row["events"]) for row in cells if row["placement_id"].startswith(PLACEMENT)}
    assert counted == {PLACEMENT: 1, f"{PLACEMENT}-sunmi": 1}
    by = late.stack.rows(
        "SELECT account_id, accepted, replay, asked_by != '' AS known FROM pilot_deliveries FINAL "
        "WHERE accepted > 0 AND has(arrayMap(r -> r.2, replays), 'accepted') ORDER BY account_id"
    )
    assert by == [
        {"account_id": account, "accepted": 1, "replay": True, "known": 1} for account in (BATCH_ACCOUNT, "sunmi-main")
    ]
    told_to_its_sender(late)


def told_to_its_sender(late: Late) -> None:
    """Hold what the account itself is told to it: how its reject was closed, by which delivery, and nothing left to do."""
    headers = {"authorization": f"Bearer {late.stack.pushing_key(BATCH_ACCOUNT)}"}
    with httpx.Client(base_url=late.stack.url, headers=headers, trust_env=False, timeout=60) as sender:
        again = sender.post("/v1/account/rejects/replay", json={"dry_run": False, "reason": "unknown_placement"}).json()
        rejects = sender.get("/v1/account/rejects").json()
        (group,) = [one for one in rejects["rejects"] if one["reason"] == "unknown_placement"]
        closed = [one for one in rejects["replays"] if one["accepted"] == 1]
        way = sender.get(f"/v1/deliveries/{closed[0]['delivery_id']}").json()

    assert (again["dry_run"], again["counts"]) == (False, {})
    assert (group["count"], group["open"], group["samples"][0]["closed"]) == (1, 0, "accepted")
    assert len(closed) == 1
    assert (way["replay"], way["accepted"], way["complete"]) == (True, 1, True)
    assert [event["event_id"] for event in way["events"] if event["verdict"] == "accepted"] == [late.batch_id]
