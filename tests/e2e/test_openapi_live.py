"""The running server held to its own OpenAPI document: schemathesis makes the requests, and finds nothing.

`AVENUE_TEST_OPENAPI_EXAMPLES=200` makes so many of each operation, for every key and in every phase, not the few that
a test run has time for.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate

from tests.support.paths import DATA
from tests.support.stack import BATCH_ACCOUNT, Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack"), pytest.mark.timeout(3600)]

CHECKS = DATA / "openapi-checks.toml"
SEED = "20261122"
EXAMPLES = os.environ.get("AVENUE_TEST_OPENAPI_EXAMPLES", "")
RUN_S = 3000.0 if EXAMPLES else 300.0
ALL = ("--max-examples", "4", "--phases", "coverage,fuzzing")
FEW = ("--max-examples", "3", "--phases", "fuzzing", "--include-tag", "reading")
# A report takes seconds of a machine's time: one of the keys asks for it.
NO_REPORT = ("--exclude-operation-id", "report")
# A pushing key, one that reads everything, an owner's, a stranger's, and an operator's.
SCOPES = {
    f"account:{BATCH_ACCOUNT}": ALL,
    "programme": (*ALL, *NO_REPORT),
    "startup:calmwave": FEW,
    "startup:limbus": (*FEW, *NO_REPORT),
    "operator": (*FEW, *NO_REPORT),
}


def run(stack: Stack, scope: str, report: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Hold the server to its document with a key of *scope*."""
    key = stack.pushing_key(BATCH_ACCOUNT) if scope.startswith("account:") else reading_key(stack, scope)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CHECKS), "run"),
        *(f"{stack.url}/openapi.json", "--seed", SEED, "--report-json-path", str(report), *words),
    ]
    environ = stack.environ | {"AVENUE_TEST_URL": stack.url, "AVENUE_TEST_KEY": key, "NO_PROXY": "*"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=RUN_S, check=False, env=environ, cwd=report.parent
    )


def reading_key(stack: Stack, scope: str) -> str:
    """Return a new key of *scope* that the server knows already."""
    key = stack.issue_key(scope)
    wait_until(lambda: stack_answers(stack, key), 30.0, "a new key did not take hold")
    return key


def stack_answers(stack: Stack, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{stack.url}/v1/me", headers=headers, trust_env=False, timeout=30).status_code == 200


def test_the_document_of_the_running_server_is_valid(stack: Stack) -> None:
    document = httpx.get(f"{stack.url}/openapi.json", trust_env=False, timeout=30).json()

    validate(document)
    assert {"/v1/events", "/in/{account}/{flow}", "/v1/trials/{trial_id}/events"} <= document["paths"].keys()


@pytest.mark.parametrize("scope", SCOPES)
def test_the_running_server_does_what_its_document_says(
    stack: Stack, scope: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    words = ("--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing") if EXAMPLES else SCOPES[scope]

    done = run(stack, scope, tmp_path / "report.json", *words)

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    told = json.loads((tmp_path / "report.json").read_text())
    requests = told["test_cases"]["generated"]
    record_property("requests", requests)
    # The document was read, and what it describes was asked.
    assert told["operations"]["tested"] == told["operations"]["selected"] >= 9
    assert requests >= 15
