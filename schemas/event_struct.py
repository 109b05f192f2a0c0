"""The event as a msgspec Struct, derived from the pydantic model: eight times as fast, the same verdict.

`PilotEvent` stays the source of truth: every bound here is read from it, and a property test holds the two to the
same verdict on the same bytes.
"""

import re
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
import msgspec
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from schemas.event import EVENT_ID_PATTERN, MAX_ID_CHARS, PilotEvent


def _meta(constraints: tuple[Any, ...]) -> msgspec.Meta | None:
    """Return what msgspec can check of pydantic's *constraints*."""
    found: dict[str, Any] = {}
    for constraint in constraints:
        if isinstance(constraint, StringConstraints):
            found |= {
                "pattern": constraint.pattern,
                "min_length": constraint.min_length,
                "max_length": constraint.max_length,
            }
        elif isinstance(constraint, FieldInfo):
            for part in constraint.metadata:
                found |= _bounds(part)
    kept = {name: value for name, value in found.items() if value is not None}
    return msgspec.Meta(**kept) if kept else None


def _bounds(part: Any) -> dict[str, Any]:
    if isinstance(part, annotated_types.Ge):
        return {"ge": part.ge}
    if isinstance(part, annotated_types.Le):
        return {"le": part.le}
    if isinstance(part, annotated_types.MaxLen):
        return {"max_length": part.max_length}
    return {}


def _derive(annotation: Any) -> Any:
    """Return *annotation*, a pydantic one, in msgspec's terms."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *constraints = get_args(annotation)
        meta = _meta(tuple(constraints))
        return Annotated[_derive(inner), meta] if meta else _derive(inner)
    if origin in {Union, types.UnionType}:
        return Union[tuple(_derive(part) for part in get_args(annotation))]  # noqa: UP007 - made from a tuple
    if origin is dict:
        key, value = get_args(annotation)
        return dict[_derive(key), _derive(value)]  # type: ignore[misc]  # a type made at run time
    if origin is Literal:
        return annotation
    return annotation


def _fields() -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    hints = get_type_hints(PilotEvent, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, info in PilotEvent.model_fields.items():
        derived = _derive(hints[name])
        fields.append((name, derived) if info.is_required() else (name, derived, info.default))
    return fields


EventStruct: Any = msgspec.defstruct(
    "EventStruct", _fields(), frozen=True, forbid_unknown_fields=True, gc=False, module=__name__
)
"""Attributes as `PilotEvent`; its time is checked by `parse_time_ms`, its required fields by `missing_field`."""

decode_event_struct: Any = msgspec.json.Decoder(EventStruct).decode

# An expression costs a quarter of the whole decoding. Of many ids the characters can be looked at together.
_PLAIN_ID = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARS)]
_PlainIdEvent: Any = msgspec.defstruct(
    "PlainIdEvent",
    [(name, _PLAIN_ID) if name == "event_id" else (name, *rest) for name, *rest in _fields()],
    frozen=True,
    forbid_unknown_fields=True,
    gc=False,
    module=__name__,
)

decode_but_for_id: Any = msgspec.json.Decoder(_PlainIdEvent).decode
"""As `decode_event_struct`, but any text of 1 to 64 characters passes for an id: ask `are_event_ids` of all of them."""

_ID_CHARACTERS = bytes(code for code in range(128) if re.match(EVENT_ID_PATTERN, chr(code)))


def are_event_ids(texts: Iterable[str]) -> bool:
    """Tell whether each of *texts*, of 1 to 64 characters, is an event id."""
    return not "".join(texts).encode().translate(None, _ID_CHARACTERS)
