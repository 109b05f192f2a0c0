"""`avenue` with places where a test may hold a process, to kill it just there: `python tests/support/pause_points.py up …`.

The roles that `avenue up` starts are started by this file too. A place is a file: the test makes `<place>.wanted` in
the folder `AVENUE_TEST_HOLD`; the first process that comes by renames it to `<place>.held`, with its pid in it, and
stands still until the file is gone or the process killed. Product code knows nothing of it.
"""

import asyncio
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("AVENUE_TEST_HOLD", "/nonexistent"))
LOOK_S = 0.02
STATEMENTS_BEFORE_HOLD = 4

WORKER_PLACES = (
    "worker-some-rows-confirmed",
    "worker-all-rows-confirmed",
    "worker-before-commit",
    "worker-rebalance",
    "worker-rebuild",
)
SERVER_PLACES = (
    "gateway-coalescing",
    "gateway-acknowledged",
    "sink-between-inserts",
    "sink-before-commit",
    "sink-joining",
    "settlement-before-cells",
    "settlement-between-cells-and-block",
    "settlement-before-hours",
)
AT_START = frozenset({"worker-rebalance", "worker-rebuild", "sink-joining", "migration"})
"""Places that a process only passes while it starts."""


def hold(place: str) -> None:
    """Stand still here, this thread whole, if a test wants it."""
    held = _taken(place)
    while held is not None and held.exists():
        time.sleep(LOOK_S)


async def wait_here(place: str) -> None:
    """Go no further here if a test wants it, while the rest of the loop goes on."""
    held = _taken(place)
    while held is not None and held.exists():  # noqa: ASYNC110 - what is waited for is a file
        await asyncio.sleep(LOOK_S)


def _taken(place: str) -> Path | None:
    wanted = FOLDER / f"{place}.wanted"
    if not wanted.exists():
        return None
    held, mine = FOLDER / f"{place}.held", FOLDER / f"{place}.{os.getpid()}-{threading.get_ident()}"
    try:
        wanted.rename(mine)
    except FileNotFoundError:
        return None  # another thread was quicker
    mine.write_text(str(os.getpid()))
    mine.rename(held)
    return held


def before(owner: Any, name: str, place: str) -> None:
    """Hold before each call of *owner*'s *name*."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def held(*arguments: Any, **named: Any) -> Any:
        hold(place)
        return original(*arguments, **named)

    setattr(owner, name, held)


def after(owner: Any, name: str, place: str) -> None:
    """Hold when a call of *owner*'s *name* has returned."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def held(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        hold(place)
        return result

    setattr(owner, name, held)


def hold_worker() -> None:
    """Make the worker's places. Faust must not be imported yet: it would take the wrong event loop."""
    from streams import app, metrics_worker

    life: Any = app._WorkerProcess
    send, take = life._send, metrics_worker.MetricsWorker.take

    async def send_and_hold(self: Any, message: Any) -> None:
        await send(self, message)
        row_type = (message.key or b"").split(b":")[0]
        if row_type == b"cells":
            hold("worker-some-rows-confirmed")
        elif row_type == b"source":
            hold("worker-all-rows-confirmed")

    async def take_or_wait(self: Any, *arguments: Any) -> None:
        await wait_here("worker-takes-nothing-in")
        await take(self, *arguments)

    life._send = send_and_hold
    setattr(metrics_worker.MetricsWorker, "take", take_or_wait)  # noqa: B010 - mypy takes no method as a target
    before(metrics_worker.MetricsWorker, "_count_flushed", "worker-before-commit")
    before(metrics_worker.MetricsWorker, "_on_record", "worker-rebuild")
    before(metrics_worker.MetricsWorker, "assigned", "worker-rebalance")


def hold_server() -> None:
    """Make the places of gateway, sink and settlement."""
    from producers import publisher
    from runtime.sql_statements import split_statements
    from sinks.clickhouse import migrate
    from sinks.consumer import consumer, topic_consumer, writer
    from sinks.settlement import settle

    def split_and_hold(text: str) -> Iterator[str]:
        for number, statement in enumerate(split_statements(text)):
            if number == STATEMENTS_BEFORE_HOLD:
                hold("migration")
            yield statement

    setattr(migrate, "split_statements", split_and_hold)  # noqa: B010 - what is imported there is no target to mypy
    before(publisher.Publisher, "_send_all", "gateway-coalescing")
    before(publisher.Publisher, "_settle_reported", "gateway-acknowledged")
    after(writer.ClickHouseRowWriter, "write", "sink-between-inserts")
    before(consumer.SinkConsumer, "_commit", "sink-before-commit")
    before(topic_consumer.TopicConsumer, "poll", "sink-polls-nothing")
    after(topic_consumer.TopicConsumer, "__init__", "sink-joining")
    before(settle.Settler, "_next_run", "settlement-before-cells")
    before(settle.Settler, "_write_settled", "settlement-between-cells-and-block")
    before(settle.Settler, "_roll_hours", "settlement-before-hours")


def hold_parent() -> None:
    """Let `avenue up` start its roles by this file."""
    from avenue.embedded import stack

    commands = {
        name: [sys.executable, "-P", str(Path(__file__)), *command[4:]]
        for name, command in stack.role_commands().items()
    }
    stack.StackDeps = functools.partial(stack.StackDeps, commands=commands)  # type: ignore[assignment,misc]


def main() -> None:
    """Run the command, with the places of its role."""
    makes = {"up": hold_parent, "worker": hold_worker, "serve": hold_server}
    makes[sys.argv[1]]()
    from avenue.__main__ import main as avenue

    avenue()


if __name__ == "__main__":
    main()
