"""`avenue report TRIAL`, `report verify FILE`, `report key`: the trial report as a file; whether a frozen one holds."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.api.routes import ReportRequest
    from reports.verification.stated import StatedReason
    from runtime.settings import Settings

DEFAULT = "trial"
EXAMPLE = """
Examples:

    avenue report neuro-band-2026q4 --lang en --format pdf -o report.pdf

    avenue report neuro-band-2026q4 --as-of 2026-12-01T00:00:00+08:00 --freeze

    avenue report verify report.pdf --data report.extract.parquet --public-key key.pem

    avenue report key > key.pem

Prints the file's path; of a frozen report that of its extract, too. Without -o it is reports/TRIAL-LANG.FORMAT in the
home folder; -o - writes to standard output. A trial called verify or key: avenue report -- verify.
"""
VERIFY_EXAMPLE = """
Example:

    avenue report verify report.pdf --data report.extract.parquet --public-key key.pem

FILE is a frozen report of any form. Needs no home folder, no server and no network. Exits 1 where it does not hold,
with each difference on a line: signature, extract, what the registry said, and every value that differs.
"""
KEY_EXAMPLE = """
Example:

    avenue report key > key.pem

Whoever verifies takes the file by another way than the report. It holds earlier keys, too: what they signed holds.
"""

# The reading API's own; written out, so that `--help` need not load the libraries behind it.
Language: TypeAlias = Literal["zh", "en"]
Form: TypeAlias = Literal["html", "pdf", "json", "xlsx"]
STANDARD_OUTPUT = Path("-")


class TrialContext(typer.Context):
    """Of the command that has no word of its own."""

    @property
    def command_path(self) -> str:
        """The path of the group."""
        return self.parent.command_path if self.parent is not None else ""


class TrialCommand(TyperCommand):
    """`avenue report TRIAL`."""

    context_class = TrialContext


class ReportGroup(TyperGroup):
    """Takes its first word for a trial where it is none of its commands, and shows that command's help as its own."""

    default = DEFAULT
    """The command that takes a trial."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the trial's command before whatever names no other one; behind `--` everything is a trial."""
        if not args or args[0] not in self.commands or args[0] == DEFAULT:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(
        name="report", help="The trial report as a file; freeze it, sign it, verify it.", cls=ReportGroup
    )
    group.command(name=DEFAULT, epilog=EXAMPLE, cls=TrialCommand)(report)
    group.command(epilog=VERIFY_EXAMPLE)(verify)
    group.command(epilog=KEY_EXAMPLE)(key)
    app.add_typer(group)


def report(  # noqa: PLR0913 - the options of a command are its parameters
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="The trial's id.")],
    *,
    lang: Annotated[Language, typer.Option(help="The report's language.")] = "zh",
    form: Annotated[
        Form | None, typer.Option("--format", help="Default: as the name of -o ends, else pdf.", show_default=False)
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="RFC 3339 with an offset, or a date of Shanghai: the moment it stands on. Default: the latest that "
            "data are complete until.",
            show_default=False,
        ),
    ] = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Fix the data, sign, store; write the extract, too.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file, or - for standard output.", show_default=False)
    ] = None,
) -> None:
    """Make a trial's report: what came, what it shows, what is not final, and what each figure means."""
    from avenue.client.report import report_of, report_request, write_report
    from avenue.client.store_access import store_of
    from avenue.exit_codes import exit_codes
    from runtime.settings import load_settings

    chosen = form or form_of(output)
    with exit_codes():
        request = report_request(trial, lang, chosen, as_of)
        settings = load_settings()
        if freeze:
            _freeze(settings, request, output)
            return
        with store_of(settings) as store:
            content = report_of(store, settings, request)
        if output == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content)
            return
        path = output or settings.home / "reports" / f"{trial}-{lang}.{chosen}"
        write_report(path, content)
        print(path)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A frozen report, of any form.", dir_okay=False)],
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Its extract. Default: FILE.extract.parquet beside it.", dir_okay=False, show_default=False),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(help="The signer's public key. Default: this home's own.", dir_okay=False, show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a frozen report: its signature, its extract, and its figures by a computation of its own."""
    from avenue.client.frozen import extract_beside, verify_files
    from avenue.exit_codes import exit_codes
    from runtime.settings import load_settings

    with exit_codes():
        found = verify_files(file, data or extract_beside(file), public_key, load_settings())
    if as_json:
        import msgspec

        print(msgspec.json.encode({"verified": not found.differences, **msgspec.to_builtins(found)}).decode())
    elif found.differences:
        print("\n".join(found.differences))
    else:
        print(
            f"verified: signed by key {found.key_id} over SHA-256 {found.sha256}; {found.figures} values computed anew "
            f"from {found.events} events, what the registry said and the definitions"
        )
        print("\n".join(_stated_lines(found.stated)))
    if found.note and not as_json:
        print(found.note, file=sys.stderr)
    if found.differences:
        print(f"{file} does not hold: {len(found.differences)} differences", file=sys.stderr)
        raise typer.Exit(1)


def key(
    *,
    new: Annotated[bool, typer.Option("--new", help="Make a new key first; earlier reports still verify.")] = False,
) -> None:
    """Print the public key that frozen reports are signed with; make one in the home folder where there is none."""
    from avenue.exit_codes import exit_codes
    from reports.frozen.signing_key import new_signing_key, public_keys, signing_key
    from runtime.settings import load_settings

    with exit_codes():
        settings = load_settings()
        _ = new_signing_key(settings) if new else signing_key(settings)
        print(public_keys(settings).decode(), end="")


_STATED = {
    "words": "texts, which stand beside a code that was computed",
    "moment": "the moment it stands on, until when late events count, and the form's version",
    "registry": "names and addresses of the registry, as the extract has them",
    "not_in_extract": "what was rejected, came twice or is settled: none of it is an event of the extract",
    "street_then": "which five-minute windows waited to be recomputed at that moment",
    "earlier_report": "what differs from an earlier frozen report, which is to be verified with it",
    "software": "the software and method that it was computed with",
}


def _stated_lines(stated: "Mapping[StatedReason, int]") -> list[str]:
    """Return for each reason how many values are only stated."""
    return [f"stated, not computed: {count} {_STATED[reason]}" for reason, count in stated.items()]


def form_of(output: Path | None) -> Form:
    """Return the form that the name of *output* ends in, else PDF."""
    ending = output.suffix.removeprefix(".") if output else ""
    return next((form for form in get_args(Form) if form == ending), "pdf")


def _freeze(settings: "Settings", request: "ReportRequest", output: Path | None) -> None:
    """Freeze, write the report and beside it its extract, and print where they are."""
    from avenue.client.frozen import freeze_report, write_frozen
    from avenue.client.store_access import store_of

    with store_of(settings) as store:
        found = freeze_report(store, settings, request)
    if output == STANDARD_OUTPUT:
        sys.stdout.buffer.write(found.content)
        return
    name = f"{request.trial_id}-{found.report_id}-{request.lang}.{request.form}"
    path = output or settings.home / "reports" / name
    for written in write_frozen(path, found):
        print(written)
