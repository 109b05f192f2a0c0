"""Checks of what flows: worker, server, gateway, sink, ClickHouse, settlement, pages."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from avenue.doctor.runner import BrokenError, CheckContext, SkippedError, WarnedError
from avenue.serve.group_positions import BrokerLook
from registry.secrets import SECRETS
from reports.access.road_sources import GroupPosition
from reports.queries.operator_hops import STANDS_S
from runtime.clickhouse_errors import explain
from runtime.retries import poll_until
from schemas.topics import ConsumerGroup, worker_group

# Health is read from memory: who takes longer is stuck.
TIMEOUT_S = 2.0
# A question reads tables.
QUESTION_S = 10.0
# A reader who falls so far behind does not catch up while one waits: some 100 events a record.
MAX_LAG = 5_000
# Offsets are committed every second or two: who has not moved for so long, while records wait, stands still.
MOVES_S = 5.0
LOOK_EVERY_S = 0.5
# Closed or marked blocks are taken 500 a run, every few seconds.
MAX_PENDING_BLOCKS = 2_000
NEWEST = "SELECT count() AS events, toString(max(received_at)) AS newest FROM events WHERE received_at > now() - 86400"
LOGS = "look at logs/{name}.log in the home folder"


def check_worker(context: CheckContext) -> str:
    """The worker's own dependencies are well."""
    if context.worker_ops_url is None:
        raise SkippedError("not started yet" if context.here else "seen by its group, and by its own /health/ready")
    _refuse_unready("worker", context.worker_ops_url)
    return context.worker_ops_url


def check_worker_group(context: CheckContext) -> str:
    """The worker takes in what is published."""
    epoch = context.directory.epoch
    return _keeps_up(context, worker_group(epoch.number if epoch else 1), "worker")


def check_server(context: CheckContext) -> str:
    """The server's own dependencies are well."""
    if context.ops_url is None:
        raise SkippedError("not started yet" if context.here else "roles elsewhere are seen by their /health/ready")
    _refuse_unready("server", context.ops_url)
    return context.ops_url


def check_gateway(context: CheckContext) -> str:
    """The gateway's door is there. Sends nothing in."""
    url = _url(context)
    answer = _get(f"{url}/v1/events", "gateway")
    if answer.status_code not in {401, 405}:
        raise BrokenError(f"{url}/v1/events answers {answer.status_code}", LOGS.format(name="server"))
    return f"{url}/v1/events"


def check_sink(context: CheckContext) -> str:
    """The sink stores what is published."""
    return _keeps_up(context, ConsumerGroup.SINK, "server")


def check_clickhouse(context: CheckContext) -> str:
    """The store answers a question."""
    if context.settings.clickhouse.dsn is not None:
        return _ask_server(context)
    if context.run is None:
        raise SkippedError("not started yet" if context.here else "no stack runs here")
    try:
        address = f"{context.run.url}/internal/sql"
        headers = {"Authorization": f"Bearer {context.run.operator_key}"}
        answer = httpx.post(address, content=NEWEST, headers=headers, timeout=QUESTION_S, trust_env=False)
    except httpx.HTTPError as error:
        raise BrokenError(f"no answer from {address} ({type(error).__name__})", LOGS.format(name="server")) from error
    if answer.status_code != httpx.codes.OK:
        raise BrokenError(f"{address} answers {answer.status_code}: {answer.text[:200]}", LOGS.format(name="server"))
    return (
        f"newest event received at {answer.json()['newest']} UTC"
        if answer.json()["events"]
        else "no event within a day"
    )


def check_settlement(context: CheckContext) -> str:
    """Settlement keeps up, and what was counted live is what is stored."""
    if context.ops_url is None:
        raise SkippedError("not started yet" if context.here else "see the metrics of the sink")
    values = _metrics(context.ops_url)
    pending = sum(values("avenue_settle_pending_blocks"))
    if difference := sum(values("avenue_reconcile_difference")):
        raise BrokenError(f"{difference:.0f} cells differ from the stored events", "avenue reconcile")
    if any(gap := [value for value in values("avenue_conservation_gap_lines") if value]):
        raise BrokenError(f"a conservation sum does not close, by {gap[0]:.0f} lines", "avenue reconcile")
    if pending > MAX_PENDING_BLOCKS:
        raise WarnedError(f"{pending:.0f} blocks wait for settlement", LOGS.format(name="server"))
    return f"{pending:.0f} blocks wait"


def check_pages(context: CheckContext) -> str:
    """The dashboard answers."""
    url = _url(context)
    answer = _get(f"{url}/", "server", follow_redirects=True)
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise BrokenError(f"{url}/ answers {answer.status_code}", LOGS.format(name="server"))
    return f"{url}/"


def check_secrets(context: CheckContext) -> str:
    """Every secret that the registry refers to is there. Last, since only the flows without one are refused."""
    if context.ops_url is None:
        raise SkippedError("not started yet" if context.here else f"see {SECRETS} in /health/ready of the gateways")
    state = _get(f"{context.ops_url}/health/ready", "server").json()
    found = state["dependencies"].get(SECRETS)
    if found is None:
        raise SkippedError("the gateway has not started yet")
    if not found["ok"]:
        step = "set or mend what is named; a file is read again within 5 s, a variable when the stack starts again"
        raise BrokenError(found["detail"], step)
    return "all can be resolved"


def _keeps_up(context: CheckContext, group: str, log: str) -> str:
    look = BrokerLook(context.settings, timeout_s=QUESTION_S)
    try:
        return movement(context, group, log, partial(_position, context, look, group))
    finally:
        look.close()


def _position(context: CheckContext, look: BrokerLook, group: str) -> GroupPosition:
    epoch = context.directory.epoch
    found = look.read(epoch.number if epoch else 1)
    return found.sink if group == ConsumerGroup.SINK else found.worker


def movement(context: CheckContext, group: str, log: str, look: Callable[[], GroupPosition]) -> str:
    """Return how far *group* is by *look*: where records wait long, it is asked until it moves or a while is over.

    Raises `BrokenError` where nobody reads or nothing moves, `WarnedError` where it is behind.
    """
    found = first = look()
    role = "worker" if log == "worker" else "sink"
    step = LOGS.format(name=log) if context.here else f"look at the log of `avenue {role}`"
    if not found.members:
        raise BrokenError(f"nobody is in the group {group}", step if context.here else f"start `avenue {role}`")
    waits_s = 0.0 if found.oldest_ms is None else time.time() - found.oldest_ms / 1000
    behind = f"{group} is {found.lag_records} records behind"
    if waits_s >= STANDS_S:
        found = poll_until(
            look, timeout_s=MOVES_S, every_s=LOOK_EVERY_S, is_done=lambda now: now.committed != first.committed
        )
        waiting = f"{behind}, the oldest waits for {waits_s:.0f} s"
        if found.committed == first.committed:
            raise BrokenError(f"{waiting}, and none is taken in", step)
        raise WarnedError(f"{waiting}; it moves on", f"wait, or add one more; {step}")
    if found.lag_records > MAX_LAG:
        raise WarnedError(behind, f"wait, or add one more; {step}")
    return f"{found.lag_records} records behind"


def _ask_server(context: CheckContext) -> str:
    # Half a second of imports, which who has no server of that kind need not wait for.
    from runtime.clickhouse import ClickHouse, ClickHouseError

    store = ClickHouse.of(context.settings)
    try:
        return f"version {store.reader().command('SELECT version()')}"
    except ClickHouseError as error:
        raise BrokenError(explain(context.settings.clickhouse, error), "mend what it says") from error
    finally:
        store.close()


def _url(context: CheckContext) -> str:
    url = context.run.url if context.run else context.settings.http.public_url
    if url is None:
        raise SkippedError("not started yet" if context.here else "set AVENUE_HTTP__PUBLIC_URL to check it from here")
    return url.rstrip("/")


def _refuse_unready(role: str, ops_url: str) -> None:
    state = _get(f"{ops_url}/health/ready", role).json()
    # What only some accounts need has a hop of its own.
    parts = {name: part for name, part in state["dependencies"].items() if name != SECRETS}
    bad = [f"{name}: {part['detail']}" for name, part in parts.items() if not part["ok"]]
    if not state["ready"]:
        raise BrokenError(f"the {role} is not ready: {'; '.join(bad)}", LOGS.format(name=role))


def _metrics(ops_url: str) -> Any:
    text = _get(f"{ops_url}/metrics", "server").text
    families = list(text_string_to_metric_families(text))

    def values(name: str) -> Iterable[float]:
        return [sample.value for family in families for sample in family.samples if sample.name == name]

    return values


def _get(url: str, role: str, *, follow_redirects: bool = False) -> httpx.Response:
    try:
        return httpx.get(url, timeout=TIMEOUT_S, trust_env=False, follow_redirects=follow_redirects)
    except httpx.HTTPError as error:
        raise BrokenError(f"no answer from {url} ({type(error).__name__})", LOGS.format(name=role)) from error
