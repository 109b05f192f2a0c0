"""A replay on the command line's side: pages of open rejects, a limit of what is published, a busy gateway."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

import avenue.client.replay
from avenue.client.replay import PAGE, GatewayClient, ReplayRun, gateway_of
from avenue.client.store_access import RunningServer
from avenue.commands.rejects import outcome_line, summary
from avenue.run_file import RunFile
from avenue.serve.operations import OpenRejects
from runtime.errors import ConfigurationError, PipelineError, UnavailableError

if TYPE_CHECKING:
    from runtime.clickhouse import ClickHouse


class Store:
    """Kept rejects, as the store gives them."""

    embedded = False

    def __init__(self, count: int) -> None:
        self.lines = [
            {
                "reject_id": f"r-{n:05d}",
                "account_id": "a",
                "flow": "events",
                "reason": "malformed",
                "received_ms": n // 3,
            }
            for n in range(count)
        ]

    def open(self, _store: object, asked: OpenRejects) -> list[dict[str, Any]]:
        after = (asked.after_ms, asked.after_id)
        return [line for line in self.lines if (line["received_ms"], line["reject_id"]) > after][: asked.limit]


class FakeGateway:
    """Says of every line what *outcome* says, and remembers which it was asked."""

    def __init__(self, outcome: Callable[[str], str] = lambda _id: "accepted") -> None:
        self.asked: list[str] = []
        self._outcome = outcome

    def replay(self, lines: list[dict[str, Any]], *, dry_run: bool) -> list[dict[str, Any]]:
        assert not dry_run
        self.asked += [line["reject_id"] for line in lines]
        return [{"reject_id": line["reject_id"], "outcome": self._outcome(line["reject_id"])} for line in lines]


def run(store: Store, gateway: FakeGateway, limit: int, monkeypatch: pytest.MonkeyPatch) -> ReplayRun:
    monkeypatch.setattr(avenue.client.replay, "open_rejects", store.open)
    replaying = ReplayRun(cast("ClickHouse", store), gateway, OpenRejects(limit=limit), dry_run=False)
    told = [row["reject_id"] for page in replaying.pages() for row in page]
    assert told == gateway.asked
    return replaying


def test_every_open_reject_is_judged_once_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    store, gateway = Store(2 * PAGE + 1), FakeGateway()

    replaying = run(store, gateway, 10_000, monkeypatch)

    assert gateway.asked == [line["reject_id"] for line in store.lines]
    assert not replaying.more


def test_no_more_are_published_than_the_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = FakeGateway()

    replaying = run(Store(PAGE + 60), gateway, PAGE + 50, monkeypatch)

    assert len(gateway.asked) == PAGE + 50
    assert replaying.more


def test_what_cannot_be_replayed_keeps_nothing_else_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = FakeGateway(lambda reject_id: "accepted" if reject_id == "r-00299" else "not_replayable")

    replaying = run(Store(300), gateway, 1, monkeypatch)

    assert len(gateway.asked) == 300
    assert not replaying.more


def gateway(*answers: httpx.Response) -> tuple[GatewayClient, list[float]]:
    waited: list[float] = []
    left = iter(answers)
    return GatewayClient(
        "http://gateway/", "avk_o", waited.append, httpx.MockTransport(lambda _request: next(left))
    ), waited


def busy(**headers: str) -> httpx.Response:
    return httpx.Response(503, json={"detail": "too much is waiting for the broker"}, headers=headers)


def test_a_busy_gateway_is_asked_again_when_it_says() -> None:
    asked, waited = gateway(busy(**{"retry-after": "3"}), busy(**{"retry-after": "900"}), httpx.Response(200, json=[]))

    assert asked.replay([], dry_run=False) == []
    assert waited == [3.0, 10.0]


@pytest.mark.parametrize(
    ("retry_after", "pause_s"),
    # A proxy before the gateway may name a moment, or something else.
    [("Wed, 01 Jan 2020 00:00:00 GMT", 0.0), ("Fri, 01 Jan 2100 00:00:00 GMT", 10.0), ("soon", 2.0), ("", 2.0)],
)
def test_any_retry_after_is_a_pause(retry_after: str, pause_s: float) -> None:
    asked, waited = gateway(busy(**{"retry-after": retry_after}), httpx.Response(200, json=[]))

    assert asked.replay([], dry_run=False) == []
    assert waited == [pause_s]


def test_a_gateway_that_stays_busy_ends_the_run_in_its_words() -> None:
    asked, waited = gateway(*(busy() for _ in range(5)))

    with pytest.raises(PipelineError, match="503: too much is waiting for the broker; what was replayed so far stands"):
        asked.replay([], dry_run=False)
    assert len(waited) == 4


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (httpx.Response(401, json={"detail": "the key is unknown"}), ConfigurationError, "key issue --scope operator"),
        (httpx.Response(403, json={"detail": "scope operator is needed"}), ConfigurationError, "scope operator"),
        (httpx.Response(404), ConfigurationError, "is no gateway of this version"),
        (httpx.Response(500, text="<html>"), PipelineError, "500: <html>"),
    ],
)
def test_an_answer_that_is_none_is_told_with_the_way_out(
    answer: httpx.Response, error: type[Exception], told: str
) -> None:
    asked, _ = gateway(answer)

    with pytest.raises(error, match=told):
        asked.replay([], dry_run=False)


def test_the_gateway_is_the_running_one_or_the_one_that_is_named(tmp_path: Path) -> None:
    run_file = RunFile.model_validate(
        {
            "pid": 1,
            "url": "http://127.0.0.1:9480",
            "ops_url": "http://127.0.0.1:9400",
            "kafka_bootstrap": "127.0.0.1:9092",
            "home": tmp_path,
            "operator_key": "avk_run",
            "started_at": "2026-11-22T00:00:00Z",
        }
    )
    server, remote = RunningServer(run_file), cast("ClickHouse", Store(0))

    assert gateway_of(server, "", "") == GatewayClient("http://127.0.0.1:9480", "avk_run")
    assert gateway_of(remote, "http://gateway", "avk_o") == GatewayClient("http://gateway", "avk_o")
    for url, key in (("", ""), ("", "avk_o"), ("http://gateway", "")):
        with pytest.raises(ConfigurationError, match="--key"):
            gateway_of(remote, url, key)
    Store.embedded = True
    try:
        with pytest.raises(UnavailableError, match="start it with `avenue up`"):
            gateway_of(remote, "", "")
    finally:
        Store.embedded = False
    assert "avk_run" not in repr(gateway_of(server, "", ""))


def test_each_reject_is_told_on_a_line_and_all_of_them_in_one() -> None:
    row = {"reject_id": "r-1", "account_id": "a", "flow": "webhook", "first_reason": "unknown_placement"}
    again = {
        **row,
        "outcome": "rejected",
        "reason": "outside_trial",
        "field": "occurred_at",
        "message": "no trial then",
    }
    lost = {**row, "outcome": "not_replayable", "reason": "", "field": "", "message": "personal data is not kept"}
    counts = Counter({"accepted": 2, "rejected": 1})

    assert outcome_line(again, dry_run=True) == (
        "r-1  a/webhook  unknown_placement  would be rejected again outside_trial (occurred_at): no trial then"
    )
    assert outcome_line(lost, dry_run=False) == (
        "r-1  a/webhook  unknown_placement  cannot be replayed: personal data is not kept"
    )
    assert summary(counts, dry_run=False) == "2 accepted, 0 duplicate, 1 rejected again, 0 cannot be replayed"
    assert summary(counts, dry_run=True).endswith("; nothing was changed")
    assert summary(Counter(), dry_run=True) == "no kept reject waits for a replay"
