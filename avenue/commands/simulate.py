"""`avenue simulate`: honest traffic of every account of a registry, against a running gateway."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from avenue.simulator.ledger import SimulationSummary
    from avenue.simulator.options import SimulateOptions

EXAMPLE = """
Example:

    avenue simulate --url http://127.0.0.1:9480 --registry registry.toml --events 5000 --rate 200 --ledger sent.ndjson

Exit 0: every event was answered as it should be; 1: one was not, or not at all; 2: used wrongly.
"""

Url = Annotated[str, typer.Option(help="The gateway's address.")]
File = Annotated[Path, typer.Option(help="The registry file that the gateway has.", exists=True, dir_okay=False)]
Events = Annotated[int, typer.Option(help="Events in all, duplicates and garbage among them.", min=1)]
Rate = Annotated[float | None, typer.Option(help="Events per second; absent: as fast as answers come.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same messages but for their times.")]
LedgerFile = Annotated[Path | None, typer.Option(help="Write one NDJSON line per event here.", dir_okay=False)]
Only = Annotated[
    list[str] | None, typer.Option(help="PLATFORM/FLOW, with * and ?; batch pushes are the flow `events`. Repeatable.")
]
BatchSize = Annotated[int, typer.Option(help="Events of one batch push.", min=1, max=10_000)]
Days = Annotated[
    float, typer.Option(help="Spread over so many past days in a daily rhythm; 0: as it happens.", min=0, max=400)
]
NativeShare = Annotated[
    float, typer.Option(help="Share of native pushes where there are batch pushes too.", min=0, max=1)
]
Keys = Annotated[
    list[str] | None, typer.Option(help="ACCOUNT=KEY: that account pushes batches with this key. Repeatable.")
]
PrivateKeys = Annotated[
    list[str] | None,
    typer.Option(help="ACCOUNT/FLOW=FILE: an RSA key, where the account's secret is a public key. Repeatable."),
]
Share = Annotated[float, typer.Option(help="A share of the events.", min=0, max=1)]
Concurrency = Annotated[int, typer.Option(help="Requests at once.", min=1, max=256)]
GiveUp = Annotated[float, typer.Option(help="Seconds after which a request is unanswered.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


def simulate(  # noqa: PLR0913 - the options of a command are its parameters
    *,
    url: Url,
    registry: File,
    events: Events = 1000,
    rate: Rate = None,
    seed: Seed = None,
    ledger: LedgerFile = None,
    only: Only = None,
    batch: BatchSize = 100,
    days: Days = 0.0,
    native_share: NativeShare = 0.2,
    key: Keys = None,
    private_key: PrivateKeys = None,
    duplicates: Share = 0.02,
    late: Share = 0.05,
    rejects: Share = 0.01,
    unknown_placement: Share = 0.005,
    wrong_signature: Share = 0.002,
    concurrency: Concurrency = 8,
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Push the native and generic traffic of all accounts, as the platforms do."""
    from avenue.simulator.options import SimulateOptions, TrafficShares

    with exit_codes():
        options = SimulateOptions(
            url=url,
            registry=registry,
            events=events,
            rate=rate,
            seed=seed,
            ledger=ledger,
            only=tuple(only or ()),
            batch=batch,
            days=days,
            native_share=native_share,
            shares=TrafficShares(duplicates, late, rejects, unknown_placement, wrong_signature),
            keys=_pairs(key, "--key", "ACCOUNT=KEY"),
            private_keys=_paths(private_key),
            concurrency=concurrency,
            give_up_s=give_up,
        )
        summary = asyncio.run(_run(options, show=sys.stderr.isatty() and not as_json))
    _print(summary, as_json=as_json)
    raise typer.Exit(0 if summary.ok else 1)


def _pairs(values: list[str] | None, option: str, form: str) -> dict[str, str]:
    from runtime.errors import ConfigurationError

    pairs: dict[str, str] = {}
    for value in values or ():
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            # The value may be a key: it is not repeated.
            raise ConfigurationError(f"{option} takes {form}")
        pairs[name] = rest
    return pairs


def _paths(values: list[str] | None) -> dict[str, Path]:
    pairs = _pairs(values, "--private-key", "ACCOUNT/FLOW=FILE")
    return {name: Path(path) for name, path in pairs.items()}


async def _run(options: "SimulateOptions", *, show: bool) -> "SimulationSummary":
    """Run, with a bar where someone looks; TERM and the first Ctrl-C end it after the requests under way."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from avenue.simulator.run import simulate_async

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGTERM, end)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as bar:
        task = bar.add_task("events", total=options.events)
        return await simulate_async(options, progress=lambda events: bar.advance(task, events), stop=stop)


def _print(summary: "SimulationSummary", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary.as_json(), ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Column, Table

    columns = sorted(summary.totals)
    # Names are folded, not cut: a narrow terminal must still tell the flows apart.
    table = Table(Column("platform/flow", overflow="fold"), *columns)
    for name, counts in sorted(summary.outcomes.items()):
        table.add_row(name, *(str(counts[column] or "") for column in columns))
    table.add_section()
    table.add_row("all", *(str(summary.totals[column]) for column in columns))
    console = Console()
    console.print(table)
    pace = summary.events / summary.seconds if summary.seconds else 0.0
    print(f"{summary.events} events in {summary.requests} requests ({summary.retries} retries), seed {summary.seed}")
    print(f"{summary.seconds:.1f} s, {pace:.0f} events/s{', stopped early' if summary.stopped else ''}")
    for line in summary.skipped:
        print(f"left out: {line}", file=sys.stderr)
    for sample in summary.samples:
        name = f"{sample['platform']}/{sample['flow']} {sample['event_id'] or '(no id)'}"
        got = " ".join(str(sample[part]) for part in ("verdict", "reason", "error") if sample[part])
        wanted = " ".join(str(sample[part]) for part in ("expected", "expected_reason") if sample[part])
        print(f"not as expected: {name}: {got}; expected {wanted}", file=sys.stderr)
    if not summary.ok:
        print(f"{summary.unexpected} not as expected, {summary.unanswered} unanswered", file=sys.stderr)


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(simulate)
