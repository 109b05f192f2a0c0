"""Reads a registry file: the registry, or every fault at once, each with its line and the way out."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from registry.checks import faults_of
from registry.draft import FileFault, RegistryDraft, draft_of
from registry.file_warnings import warnings_of
from registry.secrets import SecretResolver
from registry.toml_lines import LineMap, Path
from runtime.errors import ConfigurationError
from schemas.registry import Registry

# The registry travels as one Kafka message.
MAX_FILE_BYTES = 4 * 1024 * 1024
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """One fault of a file: its line, which entry it is in, and a sentence that says the way out."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.message}" if self.where else f"line {self.line}: {self.message}"


class RegistryFileError(ConfigurationError):
    """The file cannot be used; `problems` holds every fault."""

    def __init__(self, name: str, problems: tuple[FileProblem, ...]) -> None:
        super().__init__("\n".join(f"{name}: {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file's registry, or what is wrong with it: exactly one of the two is there."""

    registry: Registry | None
    problems: tuple[FileProblem, ...]
    warnings: tuple[FileProblem, ...] = ()
    """Of a sound file: what will not do what it seems to."""


def load_registry(path: FilePath, *, production: bool = False) -> Registry:
    """Return the registry in the file *path*.

    Raises `RegistryFileError` with every fault, `ConfigurationError` where the file cannot be read.
    """
    checked = check_registry(read_file(path), production=production)
    if checked.registry is None:
        raise RegistryFileError(str(path), checked.problems)
    return checked.registry


def read_file(path: FilePath) -> bytes:
    """Return the bytes of *path*. Raises `ConfigurationError` where it cannot be read or is far too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{path} is larger than {MAX_FILE_BYTES} bytes: no registry file is")
    return content


def check_registry(content: bytes, *, production: bool = False, secrets: SecretResolver | None = None) -> CheckedFile:
    """Return the registry in *content*, or every fault of it by line. Total: any bytes give an answer.

    With *secrets* also those that can be had here and spell no key; others are for the gateway to look at.
    """
    try:
        text = content.decode()
        tree = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return CheckedFile(None, (FileProblem(line, "", "the file is not UTF-8 text; save it as UTF-8"),))
    except tomllib.TOMLDecodeError as error:
        return CheckedFile(None, (_syntax_problem(str(error), text),))
    except RecursionError:
        return CheckedFile(None, (FileProblem(1, "", "values are nested too deeply; a registry needs three levels"),))
    draft, faults = draft_of(tree)
    faults += faults_of(draft, production=production)
    if secrets is not None:
        faults += _malformed(draft, secrets)
    if not faults:
        return CheckedFile(draft.registry(), (), _by_line(warnings_of(draft), tree, text))
    return CheckedFile(None, _by_line(faults, tree, text))


def _malformed(draft: RegistryDraft, secrets: SecretResolver) -> Iterator[FileFault]:
    for item in draft.accounts:
        for flow, references in item.entry.secrets.items():
            for index, reference in enumerate(references):
                if fault := secrets.malformed(item.entry, flow, reference):
                    yield FileFault((*item.path, "secrets", flow, index), fault)
    for channel in draft.channels:
        if fault := secrets.malformed_address(channel.entry):
            yield FileFault((*channel.path, "address"), fault)


def _by_line(faults: Iterable[FileFault], tree: Mapping[str, Any], text: str) -> tuple[FileProblem, ...]:
    lines = LineMap(text)
    return tuple(sorted({FileProblem(lines.line(fault.path), _where(tree, fault), fault.message) for fault in faults}))


def _syntax_problem(message: str, text: str) -> FileProblem:
    found = _POSITION.search(message)
    cause = _POSITION.sub("", message)
    if found is None or found[1] is None:
        return FileProblem(text.count("\n") + 1, "", f"not TOML at the end of the file: {cause}")
    return FileProblem(int(found[1]), "", f"not TOML at column {found[2]}: {cause}")


def _where(tree: Mapping[str, Any], fault: FileFault) -> str:
    """Return `placements "p-017", match.sn` for a path."""
    path: Path = fault.path
    if not path:
        return ""
    head, rest = str(path[0]), path[1:]
    if rest and isinstance(rest[0], int):
        name = tree[head][rest[0]].get("id")
        head += f' "{name}"' if isinstance(name, str) else f" (entry {rest[0] + 1})"
        rest = rest[1:]
    return head + (", " + ".".join(str(part) for part in rest) if rest else "")
