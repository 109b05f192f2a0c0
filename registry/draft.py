"""A registry file on its way: what of it is valid so far, so that one wrong entry does not hide other faults."""

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from registry.toml_lines import Path
from schemas.registry import (
    Account,
    Avenue,
    NotificationChannel,
    Placement,
    Product,
    Registry,
    RegistryEntry,
    Startup,
    TimelineNote,
    Trial,
)

ENTRY_TYPES = ("startups", "products", "trials", "accounts", "placements", "channels", "notes")
_TOP = ("demo", "avenue", *ENTRY_TYPES)
_TIME_FORM = "write it like 2026-10-01T00:00:00+08:00"
_NO_TIME = datetime.fromtimestamp(0, UTC)
_NO_NAME = {"zh": "", "en": ""}
# Stand in for required fields that are missing or wrong; checks never look at them (`Item.has`).
_STAND_INS: dict[str, Any] = {
    **dict.fromkeys(("id", "startup", "product", "trial", "arm"), "none"),
    **dict.fromkeys(("name", "hypothesis", "text"), _NO_NAME),
    **dict.fromkeys(("starts", "ends", "from", "until", "at"), _NO_TIME),
    "arms": ["none"],
    "primary_metric": "events",
    "platform": "douyin",
    "metre": 0.0,
    "side": "north",
    "address": "env:NONE",
}
_MESSAGES = {
    "timezone_aware": f"the time has no offset; {_TIME_FORM}",
    "datetime_type": f"must be a time with an offset, without quotes; {_TIME_FORM}",
    "date_type": "must be a day without quotes and without a time, like 2026-10-01",
    "model_type": 'must be a table, like { zh = "…", en = "…" }',
    "dict_type": "must be a table, like { name = value }",
    "float_type": "must be a number, without quotes",
    "int_type": "must be a whole number, without quotes",
    "string_type": "must be text in quotes",
    "list_type": "must be a list, like [ … ]",
}
_QUOTED = re.compile(r"'([^']*)'")

EntryT = TypeVar("EntryT", bound=RegistryEntry)


@dataclass(frozen=True, slots=True)
class FileFault:
    """Something wrong at *path*; *message* is a sentence that says the way out, and never holds a secret."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class DraftEntry(Generic[EntryT]):
    """An entry with its path in the file, and which of its fields are wrong by themselves."""

    path: Path
    entry: EntryT
    wrong: frozenset[str] = frozenset()

    def has(self, *names: str) -> bool:
        """Tell whether the fields *names* (as in the file) may be looked at."""
        return self.wrong.isdisjoint(names)


@dataclass(slots=True)
class RegistryDraft:
    """The entries of a file as far as they can be read."""

    demo: bool = False
    avenue: DraftEntry[Avenue] | None = None
    startups: list[DraftEntry[Startup]] = field(default_factory=list)
    products: list[DraftEntry[Product]] = field(default_factory=list)
    trials: list[DraftEntry[Trial]] = field(default_factory=list)
    accounts: list[DraftEntry[Account]] = field(default_factory=list)
    placements: list[DraftEntry[Placement]] = field(default_factory=list)
    channels: list[DraftEntry[NotificationChannel]] = field(default_factory=list)
    notes: list[DraftEntry[TimelineNote]] = field(default_factory=list)
    declared: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """By type, position and id of every entry that has an id, right or wrong."""

    def ids(self, entry_type: str) -> list[str]:
        """Return the ids declared of *entry_type*, those of wrong entries too."""
        return [name for _, name in self.declared.get(entry_type, ())]

    def registry(self) -> Registry:
        """Return the registry of a draft without faults."""
        if self.avenue is None:
            raise ValueError("a draft with faults is no registry")
        return Registry(
            demo=self.demo,
            avenue=self.avenue.entry,
            startups=[item.entry for item in self.startups],
            products=[item.entry for item in self.products],
            trials=[item.entry for item in self.trials],
            accounts=[item.entry for item in self.accounts],
            placements=[item.entry for item in self.placements],
            channels=[item.entry for item in self.channels],
            notes=[item.entry for item in self.notes],
        )


def draft_of(tree: Mapping[str, Any]) -> tuple[RegistryDraft, list[FileFault]]:
    """Return *tree* (a file's values) as a draft, and every fault of its entries taken one by one."""
    draft = RegistryDraft()
    faults = [
        FileFault((name,), f"`{name}` is no table of the registry{did_you_mean(name, _TOP)}")
        for name in tree
        if name not in _TOP
    ]
    demo = tree.get("demo", False)
    if isinstance(demo, bool):
        draft.demo = demo
    else:
        # As if it said true, so that no plain: secret is found fault with on top.
        draft.demo = True
        faults.append(FileFault(("demo",), "must be true or false, without quotes"))
    if "avenue" in tree:
        draft.avenue = _item(Avenue, tree["avenue"], ("avenue",), faults)
    else:
        faults.append(FileFault((), "the table [avenue] is missing; add it with `id` and `name`"))
    draft.startups = _items(Startup, tree, "startups", faults)
    draft.products = _items(Product, tree, "products", faults)
    draft.trials = _items(Trial, tree, "trials", faults)
    draft.accounts = _items(Account, tree, "accounts", faults)
    draft.placements = _items(Placement, tree, "placements", faults)
    draft.channels = _items(NotificationChannel, tree, "channels", faults)
    draft.notes = _items(TimelineNote, tree, "notes", faults)
    draft.declared = {entry_type: _declared(tree.get(entry_type)) for entry_type in ENTRY_TYPES}
    return draft, faults


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest of *known*, or all of them where none is near."""
    names = sorted(set(known))
    if near := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean `{near[0]}`?"
    return f"; known are {', '.join(names)}" if names else ""


def _declared(raw: object) -> list[tuple[int, str]]:
    if not isinstance(raw, list):
        return []
    named = [(position, entry.get("id")) for position, entry in enumerate(raw) if isinstance(entry, dict)]
    return [(position, name) for position, name in named if isinstance(name, str)]


def _items(
    model: type[EntryT], tree: Mapping[str, Any], entry_type: str, faults: list[FileFault]
) -> list[DraftEntry[EntryT]]:
    raw = tree.get(entry_type, [])
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        faults.append(
            FileFault((entry_type,), f"write each entry under a header of its own, [[{entry_type}]], with two brackets")
        )
        return []
    items = (_item(model, entry, (entry_type, position), faults) for position, entry in enumerate(raw))
    return [item for item in items if item is not None]


def _item(model: type[EntryT], raw: object, path: Path, faults: list[FileFault]) -> DraftEntry[EntryT] | None:
    try:
        # Strict: TOML has types of its own, so "17" for 17 is a slip and not a spelling.
        return DraftEntry(path, model.model_validate(raw, strict=True))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    faults += [_fault(path, item, model) for item in errors]
    if not isinstance(raw, dict):
        return None
    repaired, wrong = _repaired(model, raw, [item["loc"] for item in errors])
    return DraftEntry(path, model.model_validate(repaired, strict=True), wrong)


def _repaired(
    model: type[RegistryEntry], raw: dict[str, Any], locs: list[Path]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return *raw* with stand-ins for what is wrong at *locs*, and the names of the fields that this leaves unknown."""
    whole = copy.deepcopy(raw)
    wrong: set[str] = set()
    for loc in locs:
        match loc:
            case ("secrets", str(flow), int(index)):
                # The other references, and the flow's name, can be judged all the same.
                whole["secrets"][flow][index] = "env:NONE"
            case _:
                wrong.add(str(loc[0]))
    for info_name, info in model.model_fields.items():
        name = info.alias or info_name
        if name in wrong and info.is_required():
            whole[name] = _STAND_INS[name]
        elif name in wrong:
            whole.pop(name, None)
    known = {info.alias or name for name, info in model.model_fields.items()}
    return {name: value for name, value in whole.items() if name in known}, frozenset(wrong)


def _fault(path: Path, item: Any, model: type[RegistryEntry]) -> FileFault:
    loc = tuple(part for part in item["loc"] if part != "[key]")
    name = str(loc[-1]) if loc else ""
    match item["type"]:
        case "missing":
            message = f"`{name}` is missing; add it"
        case "extra_forbidden":
            message = f"`{name}` is no field here{did_you_mean(name, _fields_at(model, loc[:-1]))}"
        case "literal_error":
            message = _literal(item)
        case "string_pattern_mismatch":
            message = _form_of(loc)
        case "too_short" | "too_long":
            message = _length(item)
        case error_type:
            plain = str(item["msg"]).replace("Input should be", "must be").replace("should have", "must have")
            message = _MESSAGES.get(error_type, plain)
    return FileFault((*path, *loc), message)


def _literal(item: Any) -> str:
    expected = _QUOTED.findall(item["ctx"]["expected"])
    given = item["input"]
    if not isinstance(given, str):
        return f"must be one of {', '.join(expected)}"
    return f"`{given}` is not possible here{did_you_mean(given, expected)}"


def _length(item: Any) -> str:
    context = item["ctx"]
    if item["type"] == "too_short":
        return f"must have at least {context['min_length']} item"
    return f"must have at most {context['max_length']} items, not {context['actual_length']}"


def _form_of(loc: Path) -> str:
    if "secrets" in loc or loc[-1] == "address":
        return "must be a reference: env:NAME, file:PATH or, in a demo, plain:VALUE"
    if loc[-1] in {"opens", "closes"}:
        return "must be a time of day like 08:30 (closes: up to 24:00)"
    return "must be 1 to 64 of a–z, 0–9 and -, and neither begin nor end with -"


def _fields_at(model: type[RegistryEntry], loc: Path) -> list[str]:
    """Return the names that a file may use at *loc* of *model*."""
    inner: Any = model
    for part in loc:
        if isinstance(inner, type) and issubclass(inner, RegistryEntry) and part in inner.model_fields:
            annotation = inner.model_fields[str(part)].annotation
            inner = next((a for a in getattr(annotation, "__args__", (annotation,)) if isinstance(a, type)), None)
    if not (isinstance(inner, type) and issubclass(inner, RegistryEntry)):
        return []
    return [info.alias or name for name, info in inner.model_fields.items()]
