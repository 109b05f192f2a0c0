"""`avenue send`: a partner's client for batch pushes."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from avenue.sending.client import EventResult, FailedBatch, SendOptions, SendResult
    from avenue.sending.lines import RequestBatch
    from avenue.sending.verdict_file import VerdictFile

EXAMPLE = """
Example:

    avenue send events.ndjson --url https://gateway.example.com --key "$AVENUE_KEY"

Exit 0: everything is in; 1: something was rejected or got no answer; 2: used wrongly, a refused key among it.
"""
# Rows kept for --json; more are counted only, so that a wrong file of any size fits in memory.
MAX_LISTED = 10_000
BACKFILL_BATCH = 200
"""Events: others wait for a batch that is being read, a millisecond or two for so many."""


def send(  # noqa: PLR0913 - the options of a command are its parameters
    *,
    file: Annotated[str, typer.Argument(metavar="FILE.ndjson", help="One event a line; `-` is standard input.")],
    url: Annotated[str, typer.Option(help="The gateway's address.")],
    key: Annotated[str, typer.Option(help="An access key of scope account:ID (default: AVENUE_KEY).")] = "",
    secret: Annotated[str, typer.Option(help="Sign with this whsec_… instead of a key.")] = "",
    account: Annotated[str, typer.Option(help="Whose secret it is.")] = "",
    batch: Annotated[int, typer.Option(help="Events of one request.", min=1, max=10_000)] = 1000,
    compress: Annotated[bool, typer.Option("--gzip/--no-gzip", help="Pack the bodies.")] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run of the same file was stopped.")
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Behind what others push, which it does not delay: for a history.")
    ] = False,
    give_up: Annotated[float, typer.Option(help="Seconds to keep trying one request.", min=0)] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Push a file of events: batches, signs, retries, and prints what was not accepted.

    What became of each line stands in FILE.verdicts.ndjson beside the file; by it --resume knows where to go on.
    """
    from avenue.sending.client import SendOptions
    from registry.webhook_signing import secret_bytes

    with exit_codes():
        key = key or ("" if secret else os.environ.get("AVENUE_KEY", ""))
        _check(url, key, secret, account)
        signing = secret_bytes(secret) if secret else b""
        options = SendOptions(url, key, account, signing, compress=compress, background=backfill, give_up_s=give_up)
        printer = _ResultPrinter(as_json=as_json)
        with _opened(file) as stream, _verdicts(file, resume=resume) as verdicts:
            printer.verdicts = verdicts
            result = _run(stream, options, printer, min(batch, BACKFILL_BATCH) if backfill else batch)
    if result is None:
        printer.interrupted(file)
        raise typer.Exit(1)
    printer.close(result)
    raise typer.Exit(result.exit_code)


@contextmanager
def _verdicts(file: str, *, resume: bool) -> "Iterator[VerdictFile | None]":
    """Give the file of verdicts; None for a pipe, and where none can be written, which is said."""
    from avenue.sending.verdict_file import VerdictFile, verdicts_beside
    from runtime.errors import ConfigurationError

    if file == "-":
        if resume:
            raise ConfigurationError("--resume needs a file: what came through a pipe cannot be read again")
        yield None
        return
    path = verdicts_beside(file)
    try:
        verdicts = VerdictFile.resumed(path) if resume else VerdictFile.started(path)
    except OSError as error:
        print(f"{path} cannot be written ({error.strerror}); a run that is stopped cannot go on", file=sys.stderr)
        yield None
        return
    with verdicts.file:
        yield verdicts


def _check(url: str, key: str, secret: str, account: str) -> None:
    from runtime.errors import ConfigurationError

    if bool(key) == bool(secret) or bool(secret) != bool(account):
        raise ConfigurationError("give either --key (or AVENUE_KEY), or --secret with --account")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url is the gateway's address, like http://127.0.0.1:9480; got {url!r}")


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    from runtime.errors import ConfigurationError

    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below, after only the opening's errors were caught
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    with stream:
        yield stream


def _run(stream: IO[bytes], options: "SendOptions", printer: "_ResultPrinter", max_events: int) -> "SendResult | None":
    """Return what became of the file, None where it was interrupted."""
    from avenue.sending.client import SendCallbacks, send
    from avenue.sending.lines import batches, numbered

    with _bar(printer.console, show=sys.stderr.isatty()) as bar:
        task = bar.add_task("sent", total=_size(stream))

        def progress(batch: "RequestBatch") -> None:
            if stream.seekable():  # what an earlier run has sent counts too
                bar.update(task, completed=stream.tell())
            else:
                bar.advance(task, len(batch.body))

        lines = numbered(stream)
        left = lines if printer.verdicts is None else printer.verdicts.left(lines)
        callbacks = SendCallbacks(printer.not_accepted, printer.failed, printer.done, progress)
        try:
            return asyncio.run(send(batches(left, max_events=max_events), options, callbacks))
        except KeyboardInterrupt:
            return None


def _bar(console: "Console", *, show: bool) -> "Progress":
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Lines go above the bar on a terminal; piped, they must stay on standard output.
    return Progress(*columns, console=console, disable=not show, redirect_stdout=sys.stdout.isatty())


def _size(stream: IO[bytes]) -> int | None:
    """Return the size of a file, None for a pipe: the bar then only counts."""
    try:
        return os.fstat(stream.fileno()).st_size or None
    except OSError:
        return None


class _ResultPrinter:
    """Prints each event that was not accepted as it becomes known, or keeps them for --json."""

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self._as_json = as_json
        self.verdicts: VerdictFile | None = None
        self._last = 0
        self._listed: list[dict[str, Any]] = []
        self._failed: list[dict[str, Any]] = []

    def not_accepted(self, line: int, item: "EventResult") -> None:
        """Take a duplicate or a reject of *line*."""
        names = ("event_id", "verdict", "reason", "field", "message", "help")
        told = {"line": line, **{name: getattr(item, name) for name in names}}
        if self.verdicts is not None:
            self.verdicts.not_accepted(told)
        if not self._as_json:
            self._say(line, item)
        elif len(self._listed) < MAX_LISTED:
            self._listed.append(told)

    def done(self, batch: "RequestBatch", sums: dict[str, int]) -> None:
        """Take a batch that has its verdicts."""
        self._last = batch.lines[-1].number
        if self.verdicts is not None:
            self.verdicts.done(batch, sums)

    def _say(self, line: int, item: "EventResult") -> None:
        why = " ".join(part for part in (item.reason, f"({item.field})" if item.field else "") if part)
        detail = f": {item.message}" if item.message else ""
        print(f"line {line} {item.event_id or '(no id)'} {item.verdict} {why}".rstrip() + detail)

    def failed(self, failed: "FailedBatch") -> None:
        """Take a batch without verdicts."""
        if self.verdicts is not None:
            self.verdicts.left_out()
        if self._as_json:
            self._failed.append(asdict(failed))
        else:
            span = f"line {failed.first}" if failed.first == failed.last else f"lines {failed.first} to {failed.last}"
            print(f"{span} not taken ({failed.events} events): {failed.message}", file=sys.stderr)

    def interrupted(self, file: str) -> None:
        """Say where it was stopped."""
        where = f"after line {self._last}" if self._last else "before anything had its verdict"
        how = "send it again, which is harmless" if file == "-" else "--resume goes on from there"
        print(f"stopped {where}; {how}", file=sys.stderr)

    def close(self, result: "SendResult") -> None:
        """Print the sums."""
        sums = result.as_json()
        if self._as_json:
            print(json.dumps({**sums, "not_accepted": self._listed, "failed": self._failed}, ensure_ascii=False))
            return
        counts = ", ".join(f"{sums[name]} {name}" for name in ("accepted", "duplicate", "rejected", "unsent"))
        print(f"{counts}; {sums['requests']} requests, {sums['retries']} retries")
        if result.stopped_after is not None:
            where = f"stopped after line {result.stopped_after}"
            print(f"{where}; --resume goes on, and sending the whole file again is harmless", file=sys.stderr)


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(send)
