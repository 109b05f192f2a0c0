"""`avenue send` against a server: what it sends, what it says of it, how it ends."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from avenue.commands import send as command
from registry.webhook_signing import secret_bytes, standard_signature
from tests.integration.simulator.conftest import Answer, RecordingServer
from tests.support.fake_gateway import JudgedRequest
from tests.support.waiting import wait_until

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BUSY: Answer = (503, b'{"title":"Service Unavailable"}', {"retry-after": "0"})


def invoke(*arguments: str, stdin: bytes | None = None) -> Any:
    app = typer.Typer()
    command.register(app)
    return CliRunner().invoke(app, list(arguments), input=stdin)


def unpacked(request: JudgedRequest) -> bytes:
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def judging(request: JudgedRequest) -> Answer:
    """Reject what is no JSON object, call an id that ends in `again` a duplicate."""
    lines = unpacked(request).splitlines()
    results: list[dict[str, Any]] = []
    for index, line in enumerate(lines):
        try:
            event_id = json.loads(line)["event_id"]
        except (ValueError, TypeError):
            why = {"reason": "malformed", "message": "not JSON", "help": "/docs/rejects#malformed"}
            results.append({"index": index, "event_id": "", "verdict": "rejected", **why})
            continue
        if event_id.endswith("again"):
            results.append({"index": index, "event_id": event_id, "verdict": "duplicate"})
    rejected = sum(result["verdict"] == "rejected" for result in results)
    duplicate = len(results) - rejected
    counts = {"accepted": len(lines) - len(results), "duplicate": duplicate, "rejected": rejected}
    return 200, json.dumps({**counts, "results": results}).encode(), {}


@pytest.fixture(autouse=True)
def _judge(server: RecordingServer) -> None:
    server.answer = judging


def written(tmp_path: Path, *lines: bytes) -> str:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def event(number: int | str) -> bytes:
    return json.dumps({"event_id": f"e-{number}", "kind": "exposure"}).encode()


def test_a_file_goes_in_batches_and_all_is_well(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, *(event(n) for n in range(25)))
    result = invoke(file, "--url", server.url, "--key", "avk_1", "--batch", "10")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("25 accepted, 0 duplicate, 0 rejected, 0 unsent; 3 requests")
    assert b"".join(unpacked(request) for request in server.requests) == Path(file).read_bytes()
    assert {r.headers["authorization"] for r in server.requests} == {"Bearer avk_1"}


def test_each_event_not_accepted_is_printed_with_its_line(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, event(1), b"", b"{broken \xff", event("again"), event(2))
    result = invoke(file, "--url", server.url, "--key", "avk_1", "--batch", "2")

    assert result.exit_code == 1
    assert "line 3 (no id) rejected malformed: not JSON" in result.stdout
    assert "line 4 e-again duplicate" in result.stdout
    assert b"{broken \xff" in unpacked(server.requests[0])


def test_duplicates_alone_are_no_problem(tmp_path: Path, server: RecordingServer) -> None:
    assert invoke(written(tmp_path, event("again")), "--url", server.url, "--key", "avk_1").exit_code == 0


def test_json_holds_the_sums_and_every_line(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, event(1), b"[]", event("again"))
    result = invoke(file, "--url", server.url, "--key", "avk_1", "--json")
    told = json.loads(result.stdout)

    assert (told["accepted"], told["duplicate"], told["rejected"], told["unsent"]) == (1, 1, 1, 0)
    assert [(item["line"], item["reason"]) for item in told["not_accepted"]] == [(2, "malformed"), (3, None)]


def test_standard_input_is_read_with_a_dash(server: RecordingServer) -> None:
    result = invoke("-", "--url", server.url, "--key", "avk_1", stdin=event(1) + b"\n" + event(2))

    assert result.exit_code == 0, result.output
    assert "2 accepted" in result.stdout


@pytest.mark.parametrize("packing", ["--gzip", "--no-gzip"])
def test_a_secret_signs_the_bytes_on_the_wire(tmp_path: Path, server: RecordingServer, packing: str) -> None:
    file = written(tmp_path, event(1))
    result = invoke(file, "--url", server.url, "--secret", SECRET, "--account", "push-demo", packing)
    request = server.requests[0]
    stamp = (request.headers["webhook-id"], request.headers["webhook-timestamp"])

    assert result.exit_code == 0, result.output
    assert request.query == "account=push-demo"
    assert request.headers["webhook-signature"] == standard_signature(secret_bytes(SECRET), *stamp, request.body)


def test_a_server_in_trouble_is_asked_again_with_the_same_idempotency_key(
    tmp_path: Path, server: RecordingServer
) -> None:
    server.script = [BUSY, None, (429, b"", {"retry-after": "0"})]
    result = invoke(written(tmp_path, event(1)), "--url", server.url, "--key", "avk_1")

    assert result.exit_code == 0, result.output
    assert "1 accepted" in result.stdout
    assert "3 retries" in result.stdout
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


def test_the_same_file_sent_anew_is_judged_anew(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, event(1))
    for _ in range(2):
        invoke(file, "--url", server.url, "--key", "avk_1")
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 2


def test_a_batch_too_large_for_the_server_goes_in_halves(tmp_path: Path, server: RecordingServer) -> None:
    def small(request: JudgedRequest) -> Answer:
        return judging(request) if len(unpacked(request).splitlines()) <= 2 else (413, b"", {})

    server.answer = small
    result = invoke(written(tmp_path, *(event(n) for n in range(7))), "--url", server.url, "--key", "avk_1")

    assert result.exit_code == 0, result.output
    assert "7 accepted" in result.stdout


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_ends_it_at_once_with_2(tmp_path: Path, server: RecordingServer, status: int) -> None:
    problem = json.dumps({"title": "Unauthorized", "detail": "this key has expired"}).encode()
    server.answer = lambda _: (status, problem, {})
    file = written(tmp_path, *(event(n) for n in range(9)))
    result = invoke(file, "--url", server.url, "--key", "avk_secret", "--batch", "3")

    assert result.exit_code == 2
    assert len(server.requests) == 1
    assert "this key has expired" in result.stderr
    assert "avk_secret" not in result.output


def test_no_answer_says_where_it_stopped(tmp_path: Path) -> None:
    file = written(tmp_path, *(event(n) for n in range(9)))
    result = invoke(file, "--url", "http://127.0.0.1:9", "--key", "k", "--batch", "4", "--give-up", "0.2")

    assert result.exit_code == 1
    assert "lines 1 to 4 not taken (4 events): no answer" in result.stderr
    assert "stopped after line 4" in result.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("--url", "http://127.0.0.1:9"),
        ("--url", "http://127.0.0.1:9", "--key", "k", "--secret", SECRET, "--account", "a"),
        ("--url", "http://127.0.0.1:9", "--secret", SECRET),
        ("--url", "http://127.0.0.1:9", "--secret", "no-secret", "--account", "a"),
        ("--url", "127.0.0.1:9480", "--key", "k"),
        ("--key", "k"),
        ("--url", "http://127.0.0.1:9", "--key", "k", "--batch", "0"),
    ],
)
def test_used_wrongly_it_exits_2(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    assert invoke(written(tmp_path, event(1)), *wrong).exit_code == 2


def test_a_file_that_is_not_there_exits_2() -> None:
    result = invoke("/nowhere.ndjson", "--url", "http://127.0.0.1:9", "--key", "k")
    assert result.exit_code == 2
    assert "/nowhere.ndjson" in result.stderr


def test_an_empty_file_is_done_at_once(tmp_path: Path, server: RecordingServer) -> None:
    result = invoke(written(tmp_path), "--url", server.url, "--key", "k")
    assert (result.exit_code, server.requests) == (0, [])


def test_the_key_may_stand_in_the_environment(
    tmp_path: Path, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVENUE_KEY", "avk_hidden")
    by_key = invoke(written(tmp_path, event(1)), "--url", server.url)
    by_secret = invoke(written(tmp_path, event(1)), "--url", server.url, "--secret", SECRET, "--account", "push-demo")

    assert (by_key.exit_code, by_secret.exit_code) == (0, 0)
    assert server.requests[0].headers["authorization"] == "Bearer avk_hidden"
    assert "authorization" not in server.requests[1].headers


def test_the_verdicts_stand_beside_the_file(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, event(1), b"[]", event("again"))
    invoke(file, "--url", server.url, "--key", "k", "--batch", "2")

    told = [json.loads(line) for line in Path(file + ".verdicts.ndjson").read_bytes().splitlines()]

    assert [(item["line"], item["reason"]) for item in told if "line" in item] == [(2, "malformed"), (3, None)]
    assert [(item["first"], item["last"], item["accepted"]) for item in told if "first" in item] == [
        (1, 2, 1),
        (3, 3, 0),
    ]


def test_resumed_it_sends_what_has_no_verdict_yet(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, *(event(n) for n in range(10)))
    server.script = [judging(JudgedRequest("POST", "/", "", {}, event(0))), (400, b"", {})]
    invoke(file, "--url", server.url, "--key", "k", "--batch", "4")
    server.requests.clear()

    result = invoke(file, "--url", server.url, "--key", "k", "--batch", "100", "--resume")
    again = invoke(file, "--url", server.url, "--key", "k", "--resume")

    assert result.exit_code == 0, result.output
    assert [unpacked(request).splitlines() for request in server.requests] == [[event(n) for n in range(4, 8)]]
    assert again.stdout.startswith("0 accepted")


def test_a_file_that_has_changed_is_not_gone_on_with(tmp_path: Path, server: RecordingServer) -> None:
    file = written(tmp_path, *(event(n) for n in range(4)))
    invoke(file, "--url", server.url, "--key", "k", "--batch", "2")
    written(tmp_path, *(event(n) for n in range(5, 9)))
    server.requests.clear()

    result = invoke(file, "--url", server.url, "--key", "k", "--resume")

    assert result.exit_code == 2
    assert "lines 1 to 2 are not those that were sent before" in result.stderr
    assert server.requests == []


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """Let what is started hear SIGINT also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_stopped_by_hand_it_goes_on_with_at_most_one_batch_twice(
    tmp_path: Path, server: RecordingServer, how: signal.Signals
) -> None:
    file = written(tmp_path, *(event(n) for n in range(1000)))
    words = [sys.executable, "-m", "avenue", "send", file, "--url", server.url, "--batch", "10"]
    environ = {**os.environ, "AVENUE_KEY": "avk_1"}
    answer, told = server.answer, threading.Event()

    def held(request: JudgedRequest) -> Answer:
        # After the twentieth, no answer before the signal: a quick sender would be done by then.
        assert len(server.requests) <= 20 or told.wait(60)
        return answer(request)

    server.answer = held
    process = subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: len(server.requests) > 20, 60)
    process.send_signal(how)
    told.set()
    _, said = process.communicate(timeout=30)
    sent_first = len(server.requests)

    done = subprocess.run([*words, "--resume", "--json"], env=environ, capture_output=True, text=True, check=False)

    lines = Counter(line for request in server.requests for line in unpacked(request).splitlines())
    assert 20 < sent_first < 100
    assert done.returncode == 0, done.stderr
    assert set(lines) == {event(n) for n in range(1000)}
    assert sum(count - 1 for count in lines.values()) <= 10
    if how is signal.SIGINT:
        assert process.returncode == 1
        assert "--resume goes on from there" in said


def test_a_pipe_cannot_be_gone_on_with(server: RecordingServer) -> None:
    result = invoke("-", "--url", server.url, "--key", "k", "--resume", stdin=event(1))

    assert result.exit_code == 2
    assert "a pipe" in result.stderr
