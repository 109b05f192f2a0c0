"""Holds a frozen report against its key, its extract and a recomputation; every difference is a line of its own."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reports.verification.carried import NotCarriedError, form_of, model_in
from reports.verification.event_table import event_table
from reports.verification.extract import ExtractError, ExtractFile, read_extract
from reports.verification.leaves import Leaf, leaves, same, told
from reports.verification.seal import Form, holds, opened
from reports.verification.sections import FrozenData, recomputed_leaves
from reports.verification.software import made_by
from reports.verification.stated import StatedReason, is_added, stated_by_reason, stated_reason
from schemas.event import parse_time_ms

FROZEN, SEAL = "frozen", "signature"
NAMED_EVENTS = 10
"""Events that are named; of more the number is told."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: nothing in *differences* where the report holds."""

    differences: tuple[str, ...]
    key_id: str = ""
    sha256: str = ""
    """Of the model's unsigned document."""
    events: int = 0
    figures: int = 0
    """Values that were computed anew."""
    stated: Mapping[StatedReason, int] = field(default_factory=dict)
    """Values that were held against the extract's copy, since no event proves them: how many for which reason."""
    note: str = ""
    """What explains differences: another method than this one."""


def verify(report: bytes, extract: bytes, keys: Mapping[str, Ed25519PublicKey]) -> Verification:
    """Return what differs between *report*, of any form, and what *extract* gives; its signer must be of *keys*."""
    form = form_of(report)
    if form is None:
        return Verification(("report: it is no JSON, HTML, PDF or XLSX file",))
    differences = list(_seal(report, form, keys))
    try:
        model = model_in(report, form)
        tree = _tree(model)
    except NotCarriedError as error:
        return Verification((*differences, f"report: {error}"))
    if form != "json":
        differences += (f"model: {line}" for line in _seal(model, "json", keys))
    seal = opened(model, "json")
    differences += _named_extract(tree[FROZEN], extract)
    try:
        file = read_extract(extract)
    except ExtractError as error:
        return Verification((*differences, f"extract: {error}"))
    differences += _events(tree[FROZEN], file)
    figures = compare(tree, file)
    return Verification(
        differences=(*differences, *figures.differences),
        key_id=seal.key_id if seal else "",
        sha256=seal.sha256 if seal else "",
        events=file.table.num_rows,
        figures=figures.figures,
        stated=figures.stated,
        note=_other_method(tree.get("made_by")),
    )


def _other_method(said: object) -> str:
    own = msgspec.to_builtins(made_by())
    if said == own:
        return ""
    theirs = said if isinstance(said, dict) else {}
    return (
        f"computed with {theirs.get('software')}, method {theirs.get('method')}; this is {own['software']}, method "
        f"{own['method']}: where definitions or statistics have changed between the two, figures may differ by them"
    )


def compare(tree: dict[str, Any], file: ExtractFile) -> Verification:
    """Return what differs between the values of the report *tree* and those that *file* gives."""
    said = leaves({name: value for name, value in tree.items() if name not in {FROZEN, SEAL}})
    mine = {path: value for path, value in figures_of(tree, file).items() if path in said or not is_added(path)}
    stated = {path: value for path, value in file.metadata.stated.items() if path not in mine}
    differences = [
        *_differing(
            leaves(tree[FROZEN]["registry"], "registry"), leaves(_builtins(file), "registry"), "the extract has"
        ),
        *_differing({path: said[path] for path in said if path in mine}, mine, "the events give"),
        *_differing({path: said[path] for path in said if path not in mine}, stated, "the extract has"),
        *(f"{path}: no report may only state it" for path in stated if stated_reason(path) is None),
    ]
    return Verification(tuple(differences), figures=len(mine), stated=stated_by_reason(stated))


def figures_of(tree: Mapping[str, Any], file: ExtractFile) -> dict[str, Leaf]:
    """Return every value of the report that its events, snapshot and definitions prove, computed anew, by path."""
    trial = file.metadata.registry
    now_ms = parse_time_ms(tree["as_of"])
    to_ms = max(trial.starts_ms, min(trial.ends_ms, now_ms))
    return recomputed_leaves(FrozenData(trial, event_table(file.table), to_ms, now_ms), tree)


def _tree(model: bytes) -> dict[str, Any]:
    try:
        tree: Any = msgspec.json.decode(model)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise NotCarriedError(f"its model is no JSON ({error})") from error
    if not isinstance(tree, dict) or not isinstance(tree.get(FROZEN), dict):
        raise NotCarriedError("it is not frozen: it names no extract and no signature")
    try:
        _ = [parse_time_ms(tree[name]) for name in ("as_of", "late_until")]
        _ = tree["freshness"]["flagged_windows"], [block["reason"] for block in tree["freshness"]["flagged"]]
        _ = [int(tree["arrivals"]["rejected"][name]) for name in tree["arrivals"]["rejected"]]
        _ = tree["arrivals"]["settled_share"], int(tree["arrivals"]["settled_windows"]) < tree["arrivals"]["windows"]
        return tree if isinstance(tree[FROZEN]["extract"], dict) and tree[FROZEN]["registry"] else {}
    except (KeyError, TypeError, ValueError) as error:
        raise NotCarriedError(f"its model is not of a report ({type(error).__name__}: {error})") from error


def _builtins(file: ExtractFile) -> Any:
    return msgspec.to_builtins(file.metadata.registry)


def _seal(content: bytes, form: Form, keys: Mapping[str, Ed25519PublicKey]) -> Iterator[str]:
    seal = opened(content, form)
    if seal is None:
        yield f"signature: this {form.upper()} has none"
    elif seal.key_id not in keys:
        yield f"signature: it names the key {seal.key_id}, and the public keys given are {', '.join(sorted(keys))}"
    elif not holds(seal, keys[seal.key_id]):
        yield f"signature: it does not hold; this {form.upper()} is not as the owner of key {seal.key_id} signed it"


def _named_extract(frozen: Mapping[str, Any], extract: bytes) -> Iterator[str]:
    said, found = frozen["extract"].get("sha256"), hashlib.sha256(extract).hexdigest()
    if said != found:
        yield f"extract: the report names SHA-256 {said}, this file's is {found}"


def _events(frozen: Mapping[str, Any], file: ExtractFile) -> Iterator[str]:
    """Give what is missing, there twice or too much; events are numbered from 1."""
    said = frozen["extract"].get("events")
    numbers, times = np.unique(np.asarray(file.table.column("event")), return_counts=True)
    count = said if isinstance(said, int) else len(numbers)
    yield from _listed("is missing", np.setdiff1d(np.arange(1, count + 1), numbers))
    yield from _listed("is there more than once", numbers[times > 1])
    yield from _listed(f"is none of the report's {count}", numbers[(numbers > count) | (numbers < 1)])


def _listed(what: str, numbers: Any) -> Iterator[str]:
    for number in numbers[:NAMED_EVENTS].tolist():
        yield f"extract: event {number} {what}"
    if len(numbers) > NAMED_EVENTS:
        yield f"extract: {len(numbers) - NAMED_EVENTS} more, each of which {what}"


def _differing(said: Mapping[str, Leaf], mine: Mapping[str, Leaf], source: str) -> Iterator[str]:
    for path in sorted({*said, *mine}):
        if path not in mine:
            yield f"{path}: the report says {told(said[path])}, for which nothing stands"
        elif path not in said:
            yield f"{path}: {source} {told(mine[path])}, and the report does not say it"
        elif not same(said[path], mine[path]):
            yield f"{path}: the report says {told(said[path])}, {source} {told(mine[path])}"
