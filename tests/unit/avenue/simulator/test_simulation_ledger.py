"""The ledger: one line per event, with what came back and whether it should have."""

import json
from pathlib import Path

import msgspec
import pytest

from avenue.sending.retry import FinalReply
from avenue.simulator.ledger import SimulationLedger, SimulationSummary, is_as_expected, verdicts_of
from avenue.simulator.messages.base import ExpectedEvent, ExpectedOutcome, PushMessage, PushRequest, any_2xx
from runtime.errors import ConfigurationError
from schemas.outcomes import RejectReason

NAMES = {
    "event_id", "account", "platform", "flow", "kind", "occurred_at", "sent_at", "attempt", "expected",
    "expected_reason", "fault", "verdict", "reason", "status", "as_expected", "delivery_id", "event",
}  # fmt: skip


def sent(
    event_id: str = "e-1", expected: ExpectedOutcome = "accepted", reason: RejectReason | None = None
) -> ExpectedEvent:
    return ExpectedEvent(event_id, "interaction", 1_795_381_200_000, expected, reason)


def message(*events: ExpectedEvent, flow: str = "events") -> PushMessage:
    path = "/v1/events" if flow == "events" else f"/in/a/{flow}"
    request = PushRequest("sunmi", "a", flow, path, b"", {}, any_2xx)
    return PushMessage(request, events)


def answer(accepted: int, duplicate: int, rejected: int, results: list[dict[str, object]]) -> bytes:
    counts = {"accepted": accepted, "duplicate": duplicate, "rejected": rejected}
    return msgspec.json.encode({**counts, "delivery_id": "d-1", "results": results})


def test_a_batch_answer_gives_each_event_its_verdict() -> None:
    results: list[dict[str, object]] = [
        {"index": 1, "event_id": "e-2", "verdict": "duplicate"},
        {"index": 2, "event_id": "e-3", "verdict": "rejected", "reason": "missing_field", "field": "kind"},
    ]
    batch = message(sent("e-1"), sent("e-2"), sent("e-3"))
    verdicts, delivery_id = verdicts_of(batch, FinalReply(200, answer(1, 1, 1, results)))

    assert verdicts == [("accepted", None), ("duplicate", None), ("rejected", "missing_field")]
    assert delivery_id == "d-1"


@pytest.mark.parametrize(
    "body",
    [
        answer(2, 0, 0, [{"index": 0, "verdict": "rejected", "reason": "malformed"}]),
        answer(1, 0, 0, []),
        b"<html>",
        b'{"accepted": 2}',
        answer(2, 0, 0, [{"index": 0, "verdict": "lost"}]),
    ],
)
def test_an_answer_that_contradicts_itself_counts_for_nothing(body: bytes) -> None:
    verdicts, _ = verdicts_of(message(sent("e-1"), sent("e-2")), FinalReply(200, body))
    assert {verdict for verdict, _ in verdicts} == {"negative"}


@pytest.mark.parametrize(
    ("status", "verdict"), [(0, "unanswered"), (200, "positive"), (401, "refused"), (403, "refused"), (404, "negative")]
)
def test_a_native_push_is_answered_as_a_whole(status: int, verdict: str) -> None:
    verdicts, _ = verdicts_of(message(sent("e-1"), sent("e-2"), flow="webhook"), FinalReply(status))
    assert [got for got, _ in verdicts] == [verdict] * 2


@pytest.mark.parametrize(
    ("event", "verdict", "reason", "fits"),
    [
        (sent(), "accepted", None, True),
        (sent(), "duplicate", None, True),
        (sent(), "positive", None, True),
        (sent(), "rejected", "malformed", False),
        (sent(), "unanswered", None, False),
        (sent(), "negative", "http 500", False),
        (sent(expected="duplicate"), "duplicate", None, True),
        (sent(expected="duplicate"), "rejected", "malformed", False),
        (sent(expected="rejected", reason=RejectReason.MALFORMED), "rejected", "malformed", True),
        (sent(expected="rejected", reason=RejectReason.MALFORMED), "rejected", "too_large", False),
        (sent(expected="rejected", reason=RejectReason.MALFORMED), "accepted", None, False),
        (sent(expected="refused"), "refused", "http 401", True),
        (sent(expected="refused"), "accepted", None, False),
        (sent(expected="refused"), "positive", None, False),
    ],
)
def test_what_counts_as_expected(event: ExpectedEvent, verdict: str, reason: str | None, *, fits: bool) -> None:
    assert is_as_expected(event, verdict, reason) is fits  # type: ignore[arg-type]  # parametrised text


def test_a_line_says_everything_about_one_event(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sent.ndjson"
    with SimulationLedger(path, SimulationSummary(seed=1)) as ledger:
        ledger.enter(message(sent("e-1"), sent("")), FinalReply(200, answer(2, 0, 0, []), attempts=3, sent_ms=1))
        lines = [json.loads(line) for line in path.read_text().splitlines()]

    assert [set(line) for line in lines] == [NAMES, NAMES]
    assert lines[0]["event_id"] == "e-1"
    assert (lines[0]["verdict"], lines[0]["attempt"], lines[0]["status"]) == ("accepted", 3, 200)
    assert lines[0]["occurred_at"] == "2026-11-23T05:00:00.000+08:00"
    assert lines[1]["event_id"] is None


def test_an_event_of_a_batch_stands_in_its_line_as_it_was_sent(tmp_path: Path) -> None:
    told = ExpectedEvent("e-1", "interaction", 1, event=b'{"event_id":"e-1"}')
    cut = ExpectedEvent("", "", None, "rejected", RejectReason.MALFORMED, event=b'{"even')
    with SimulationLedger(tmp_path / "sent.ndjson", SimulationSummary(seed=1)) as ledger:
        ledger.enter(message(told, cut, sent("e-2")), FinalReply(200, answer(3, 0, 0, [])))
    lines = [json.loads(line) for line in (tmp_path / "sent.ndjson").read_text().splitlines()]

    assert [line["event"] for line in lines] == [{"event_id": "e-1"}, '{"even', None]


def test_the_summary_adds_up_and_names_what_was_not_expected() -> None:
    summary = SimulationSummary(seed=1)
    with SimulationLedger(None, summary) as ledger:
        ledger.enter(message(sent("e-1"), sent("e-2")), FinalReply(200, answer(2, 0, 0, []), attempts=2))
        ledger.enter(message(sent("n-1"), flow="webhook"), FinalReply(500, b"broken"))
        ledger.enter(message(sent("n-2"), flow="webhook"), FinalReply(0, error="ConnectError"))

    assert (summary.events, summary.requests, summary.retries) == (4, 3, 1)
    assert summary.totals == {"accepted": 2, "negative": 1, "unanswered": 1}
    assert (summary.ok, summary.unexpected, summary.unanswered) == (False, 1, 1)
    assert [(sample["event_id"], sample["error"]) for sample in summary.samples] == [
        ("n-1", "broken"),
        ("n-2", "ConnectError"),
    ]


def test_the_summary_is_json() -> None:
    summary = SimulationSummary(seed=1)
    with SimulationLedger(None, summary) as ledger:
        ledger.enter(message(sent("e-1")), FinalReply(200, answer(1, 0, 0, [])))
    assert msgspec.convert(json.loads(json.dumps(summary.as_json()))["ok"], bool) is True


def test_a_ledger_that_cannot_be_written_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match="cannot be written"),
        SimulationLedger(tmp_path / "file" / "l", SimulationSummary(seed=1)),
    ):
        pass
