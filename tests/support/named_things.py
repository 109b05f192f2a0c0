"""What pages, help texts, messages and rules name: commands, options, paths, metrics, settings, topics, targets, files.

A `Mention` is a name and where it stands. What exists is asked of the program itself: `Program`.
"""

import ast
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import prometheus_client
import typer

from avenue.__main__ import build
from avenue.serve.application import litestar_application
from registry.directory import Directory
from reports.service import ReadService
from runtime.clock import SystemClock
from runtime.settings import OUTSIDE_PREFIXES, OUTSIDE_SETTINGS, Settings, known_names
from schemas.topics import Topic
from tests.support.paths import ROOT

PACKAGES = ("schemas", "runtime", "registry", "producers", "streams", "sinks", "reports", "avenue")
PROSE = ("*.md", "*.html", "*.po", "ops/*.yml", "docker-compose.yml", "Dockerfile", "Makefile", ".github/*")
# Of the ops port, which answers without the framework.
OPS_PATHS = ("/metrics", "/health/live", "/health/ready")

_SPAN = re.compile(r"`([^`\n]+)`|<code>([^<\n]+)</code>")
_COMMAND_LINE = re.compile(r"^\s*(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?(avenue [a-z][^\n]*)$", re.MULTILINE)
_PATH = re.compile(r"^(?:(GET|POST|DELETE|PUT|GET\|POST) )?(/[^\s]*)$")
METRIC = re.compile(r"(?<![\w:])avenue_[a-z0-9_]*[a-z0-9]\b(?!:)")
RULE = re.compile(r"\b[a-z_]+:avenue_[a-z0-9_]+:[a-z0-9_]+\b")
SETTING = re.compile(r"\bAVENUE_[A-Z0-9_]*[A-Z0-9]\b")
TOPIC = re.compile(r"(?<![\w/.-])[a-z]+(?:-[a-z]+)*\.v[0-9]+\b")
TARGET = re.compile(r"`make ([a-z][a-z-]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")

# An argument that code hands to another program.
_GIVEN = re.compile(r"--[a-z][a-z-]+(?:=.*)?")


@dataclass(frozen=True, order=True)
class Mention:
    """A name, and the file that names it."""

    name: str
    where: str

    def __str__(self) -> str:
        return f"{self.name}  in {self.where}"


def tracked(*patterns: str) -> list[Path]:
    """Return the repository's files that match."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return (file, text) of all that speaks to people: pages, templates, words, rules, and the strings of the code."""
    code = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]
    return (
        *((str(path.relative_to(ROOT)), path.read_text()) for path in tracked(*PROSE)),
        *((str(path.relative_to(ROOT)), "\n".join(strings_of(path.read_text()))) for path in code),
    )


def strings_of(source: str) -> Iterator[str]:
    """Yield the strings of Python *source*, docstrings too; what an f-string fills in is an ellipsis."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(getattr(part, "value", "")) if _is_text(part) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def _is_text(node: ast.AST) -> Any:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def spans(text: str) -> Iterator[str]:
    """Yield what *text* sets as code within a line."""
    for match in _SPAN.finditer(text):
        yield match[1] or match[2]


def commands_of(_where: str, text: str) -> Iterator[str]:
    """Yield the command lines of `avenue` in *text*: set as code, or on a line of their own."""
    for span in spans(text):
        line = re.sub(r"^(?:\w+=\S+ )*(?:\.venv/bin/)?", "", span)
        if re.match(r"avenue [a-z]", line):
            yield line
    # A sentence may begin a line with the word, too.
    yield from (m[1] for m in _COMMAND_LINE.finditer(text) if not re.match(r"avenue (is|of|and|either)\b", m[1]))


def paths_of(_where: str, text: str) -> Iterator[str]:
    """Yield the HTTP paths that *text* sets as code, or links to, with their method where it stands there."""
    for span in spans(text):
        if _PATH.match(span):
            yield span
    yield from re.findall(r'(?:href|action)="(/[^"{]*)"', text)
    yield from re.findall(r"(?<![\w.:/])(/docs/[a-z]+#[a-z_]+)", text)


def options_of(where: str, text: str) -> Iterator[str]:
    """Yield the options that *text* names: in pages what is set as code, in code all but those it gives to others."""
    for part in text.split("\n") if where.endswith(".py") else spans(text):
        if not (where.endswith(".py") and _GIVEN.fullmatch(part)):
            yield from _OPTION.findall(part)


def found(pattern: re.Pattern[str]) -> Callable[[str, str], Iterator[str]]:
    """Return what finds *pattern* in a text."""
    return lambda _where, text: (match[1] if pattern.groups else match[0] for match in pattern.finditer(text))


class Program:
    """What there is, asked of the program."""

    @cached_property
    def commands(self) -> Any:
        """The tree of commands."""
        return typer.main.get_command(build())

    @cached_property
    def options(self) -> frozenset[str]:
        """Every option of every command."""
        return frozenset(option for command in _all_commands(self.commands) for option in _options(command))

    @cached_property
    def scripts_options(self) -> frozenset[str]:
        """Every option that a script looks for by itself: one in a module, of the benchmarks, of the tests."""
        sources = [path for path in tracked("*.py") if "__main__" in path.read_text() or "bench" in path.parts]
        return frozenset(text for path in sources for text in strings_of(path.read_text()) if _OPTION.fullmatch(text))

    @cached_property
    def routes(self) -> list[tuple[str, frozenset[str]]]:
        """Path and methods of what the shipped application and the ops port answer."""
        settings = Settings()
        reading = ReadService(
            clickhouse=cast("Any", None),
            directory=lambda: Directory(version=0),
            settings=settings,
            clock=SystemClock(),
        )
        gateway = SimpleNamespace(pipeline=None, replayer=None, tester=None, audit=None)
        app = litestar_application(settings, reading.directory, gateway=cast("Any", gateway), read_service=reading)
        framework = [(route.path, frozenset(map(str, getattr(route, "methods", ())))) for route in app.routes]
        return [*framework, *((path, frozenset({"GET"})) for path in OPS_PATHS)]

    @cached_property
    def metrics(self) -> frozenset[str]:
        """Every name that Prometheus may meet at the ops port."""
        import streams.watchdog  # noqa: F401 - metrics are made at import, wherever they stand

        names: set[str] = set()
        for metric in prometheus_client.REGISTRY.collect():
            names |= {metric.name, *(f"{metric.name}_{end}" for end in ("total", "bucket", "sum", "count", "created"))}
        return frozenset(names)

    @cached_property
    def settings(self) -> frozenset[str]:
        """The environment's names."""
        groups = {name.partition("__")[0] for name in known_names()}
        return frozenset({*known_names(), *OUTSIDE_SETTINGS, *groups})

    @cached_property
    def rules(self) -> dict[str, set[str]]:
        """The names of alerts and of recorded series."""
        files = [msgspec.yaml.decode(path.read_bytes()) for path in (ROOT / "ops/prometheus/rules").glob("*.yml")]
        rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
        return {sort: {rule[sort] for rule in rules if sort in rule} for sort in ("alert", "record")}

    @cached_property
    def targets(self) -> frozenset[str]:
        """What `make` makes."""
        return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    @cached_property
    def topics(self) -> frozenset[str]:
        """The topics."""
        return frozenset(map(str, Topic))

    def command_fault(self, line: str) -> str:
        """Return what of *line* the command line does not know, '' where it knows all of it."""
        words = _words(line)[1:]
        command, name = self.commands, "avenue"
        while _subcommands(command) and words:
            default = getattr(command, "default", "")
            if default and words[0] not in command.commands:
                # Its first word is no command but what that one is about.
                command = command.commands[default]
                break
            if words[0].startswith("-"):
                break
            word, *words = words
            parts = [part for part in re.split(r"\\?\|", word) if part not in {"…", "..."}]
            if unknown := [part for part in parts if part not in command.commands]:
                return f"{name} {unknown[0]}"
            if not parts:
                return ""
            command, name = command.commands[parts[-1]], f"{name} {parts[-1]}"
        known = {*_options(command), "--help", "-h"}
        unknown = [option for word in words for option in _OPTION.findall(word) if option not in known]
        return f"{name} {unknown[0]}" if unknown else ""

    def path_fault(self, asked: str) -> str:
        """Return *asked* where nothing answers there, '' where something does."""
        method, path = cast("re.Match[str]", _PATH.match(asked)).groups()
        path, _, _anchor = path.partition("#")
        path = path.partition("?")[0]
        wanted = frozenset((method or "").split("|")) - {""}
        known = any(_answers(route, path) and wanted <= methods for route, methods in self.routes)
        return "" if known else asked

    def setting_fault(self, name: str) -> str:
        """Return *name* where it is no setting, '' where it is."""
        return "" if name in self.settings or f"{name}_".startswith(OUTSIDE_PREFIXES) else name


def _words(line: str) -> list[str]:
    line = re.sub(r"[\[\]]", " ", line.partition("#")[0].partition(" > ")[0])
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _subcommands(command: Any) -> dict[str, Any]:
    # Typer brings its own click in some versions: asked for by what it has, not by its type.
    return getattr(command, "commands", None) or {}


def _all_commands(command: Any) -> Iterator[Any]:
    yield command
    for inner in _subcommands(command).values():
        yield from _all_commands(inner)


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def _answers(route: str, path: str) -> bool:
    """Tell whether *path* is one of *route*, or begins one where it says so; a part of it may stand for any."""
    # A first part alone speaks of all that is below it.
    begins = path != "/" and (path.endswith(("…", "/")) or path.count("/") == 1)
    ours, theirs = route.strip("/").split("/"), path.rstrip("…").strip("/").split("/")
    if len(theirs) > len(ours) or (len(theirs) < len(ours) and not begins):
        return False
    return all(
        our == their or our.startswith("{") or their.startswith("{") for our, their in zip(ours, theirs, strict=False)
    )


def slugs_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them, and those that it sets itself."""
    headings = re.findall(r"^#+ +(.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings)
    made = {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}
    return made | set(re.findall(r'(?:id|name)="([^"]+)"', text))


def mentions(find: Callable[[str, str], Iterable[str]]) -> list[Mention]:
    """Return what *find* finds in every (file, text)."""
    return sorted({Mention(name, where) for where, text in texts() for name in find(where, text)})
