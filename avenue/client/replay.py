"""Replays for the command line: open rejects out of the store, page by page, to the gateway, which judges them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from avenue.client.store_access import TIMEOUT_S, RunningServer
from avenue.sending.retry import retry_after_s
from avenue.serve.operations import OpenRejects, open_rejects
from avenue.serve.replay_routes import PATH
from producers.gateway.replayer import NOT_REPLAYABLE
from runtime.clickhouse import ClickHouse
from runtime.errors import ConfigurationError, PipelineError, UnavailableError
from runtime.retries import last_result

# A kept payload has 16 KiB at most: a page stays below what a gateway takes in one body.
PAGE = 200
# A busy gateway is asked so often for one page, and waited for so long at most each time.
TRIES = 5
REST_S = 2.0
MAX_REST_S = 10.0


class ReplayTarget(Protocol):
    """A gateway that judges kept rejects once more."""

    def replay(self, lines: list[dict[str, Any]], *, dry_run: bool) -> list[dict[str, Any]]:
        """Return what became of each of *lines*. Raises `PipelineError` where it does not answer, or refuses."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """A gateway at *url*, asked with *key*, one of scope operator."""

    url: str
    key: str = field(repr=False)
    rest: Callable[[float], None] = time.sleep
    """Waits so many seconds where the gateway is busy."""
    transport: httpx.BaseTransport | None = None
    """For tests: what stands for the wire."""

    def replay(self, lines: list[dict[str, Any]], *, dry_run: bool) -> list[dict[str, Any]]:
        """Return what became of each of *lines*. Raises `PipelineError`."""
        # Once more does no harm: what was taken in before is a duplicate then.
        retrying = Retrying(
            retry=retry_if_result(lambda answer: answer.status_code == 503),
            wait=_pause_s,
            stop=stop_after_attempt(TRIES),
            sleep=self.rest,
            retry_error_callback=last_result,
        )
        return _outcomes(retrying(self._post, lines, dry_run=dry_run), self.url)

    def _post(self, lines: list[dict[str, Any]], *, dry_run: bool) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        query = {"dry_run": str(dry_run).lower()}
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False, transport=self.transport) as client:
                return client.post(
                    self.url.rstrip("/") + PATH, params=query, content=msgspec.json.encode(lines), headers=headers
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the gateway at {self.url} does not answer ({type(error).__name__})") from error


def _pause_s(state: RetryCallState) -> float:
    answer: httpx.Response = last_result(state)
    asked_s = retry_after_s(answer.headers.get("retry-after", ""), now_s=time.time())
    return min(REST_S if asked_s is None else asked_s, MAX_REST_S)


def _outcomes(answer: httpx.Response, url: str) -> list[dict[str, Any]]:
    if answer.status_code == 200:
        found: list[dict[str, Any]] = answer.json()
        return found
    detail = _detail(answer)
    if answer.status_code in {401, 403}:
        raise ConfigurationError(f"{url}: {detail}; `avenue key issue --scope operator` makes one")
    if answer.status_code == 404:
        raise ConfigurationError(f"{url} is no gateway of this version; give its address with --url")
    raise PipelineError(f"the gateway answered {answer.status_code}: {detail}; what was replayed so far stands")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def check_url(url: str) -> None:
    """Raise `ConfigurationError` where *url* is no address ('' is the running stack's)."""
    if url and not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url is the gateway's address, like http://127.0.0.1:9480; got {url!r}")


def gateway_of(store: RunningServer | ClickHouse, url: str, key: str) -> GatewayClient:
    """Return the gateway at *url*, or the running server's. Raises `ConfigurationError` where neither is known."""
    if url:
        if not key and not isinstance(store, RunningServer):
            raise ConfigurationError("--url needs --key, a key of scope operator")
        return GatewayClient(url, key or (store.run.operator_key if isinstance(store, RunningServer) else ""))
    if isinstance(store, RunningServer):
        return GatewayClient(store.run.url, key or store.run.operator_key)
    if store.embedded:
        raise UnavailableError(
            "a replay needs the running stack, which publishes what is accepted; start it with `avenue up`"
        )
    raise ConfigurationError("give the gateway's address with --url and a key of scope operator with --key")


class ReplayRun:
    """One run: at most `asked.limit` rejects are published, those that cannot be replayed are only told of."""

    def __init__(
        self, store: RunningServer | ClickHouse, target: ReplayTarget, asked: OpenRejects, *, dry_run: bool
    ) -> None:
        self._store = store
        self._target = target
        self._asked = asked
        self._dry_run = dry_run
        self.more = False
        """Whether the limit was reached with rejects left."""

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield what became of each reject, with its account, flow and first reason, a page at a time."""
        left, after = self._asked.limit, replace(self._asked, limit=1)
        while True:
            lines = self._lines(replace(after, limit=max(1, min(PAGE, left))))
            if not lines:
                return
            if left <= 0:
                self.more = True
                return
            outcomes = self._target.replay(lines, dry_run=self._dry_run)
            yield [_row(line, outcome) for line, outcome in zip(lines, outcomes, strict=True)]
            left -= sum(outcome["outcome"] != NOT_REPLAYABLE for outcome in outcomes)
            after = replace(after, after_ms=lines[-1]["received_ms"], after_id=lines[-1]["reject_id"])

    def _lines(self, asked: OpenRejects) -> list[dict[str, Any]]:
        if not isinstance(self._store, RunningServer):
            return open_rejects(self._store, asked)
        answer = self._store.post("/internal/open-rejects", msgspec.json.encode(asked))
        if answer.status_code != 200:
            raise PipelineError(f"the server answered {answer.status_code}: {_detail(answer)}")
        found: list[dict[str, Any]] = answer.json()
        return found


def _row(line: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    return {
        "reject_id": line["reject_id"],
        "account_id": line["account_id"],
        "flow": line["flow"],
        "first_reason": line["reason"],
        **outcome,
    }
