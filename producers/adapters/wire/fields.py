"""From a document to a message: fields taken by name, and the reject that names the one that was lacking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from producers.adapters.base import (
    MappedFields,
    MappedMessage,
    PlatformMessage,
    UnmappedMessage,
    VerifiedPush,
    unreadable,
)
from producers.adapters.wire.masking import AllowList, ValueFormat, mask_document
from producers.adapters.wire.money import fen, fen_from_print, fen_from_yuan
from producers.adapters.wire.strict_json import UnreadableError, read_json
from producers.adapters.wire.times import moment_ms
from producers.parsing.any_json import has_half_pair
from schemas.event import MAX_ATTRIBUTE_NUMBER
from schemas.event_struct import Attributes
from schemas.outcomes import RejectReason

MAX_IDENTIFIER_CHARS = 256
"""Platforms' ids have 10 to 60 characters; a longer one is none."""


class LackingError(Exception):
    """A message lacks what its mapping needs; says which field and why, never a value."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}" if name else why)
        self.field = name


@dataclass(frozen=True, slots=True)
class DocumentFields:
    """An object of a document; `path` leads to it in the names that rejects give."""

    tree: Mapping[str, object]
    path: str = ""

    def named(self, name: str) -> str:
        """Return *name* with the way to it, as in the platform's own documentation."""
        return f"{self.path}.{name}" if self.path else name

    def lacking(self, name: str, why: str = "is missing") -> LackingError:
        """Return the error that names field *name*."""
        return LackingError(self.named(name), why)

    def has(self, name: str) -> bool:
        """Tell whether *name* is there and neither null nor empty text."""
        value = self.tree.get(name)
        return value is not None and value != ""

    def child(self, name: str) -> "DocumentFields":
        """Return the object under *name*. Raises `LackingError` where there is none."""
        value = self.tree.get(name)
        if not isinstance(value, Mapping):
            raise self.lacking(name, "is not an object" if self.has(name) else "is missing")
        return DocumentFields(value, self.named(name))

    def identifier(self, name: str) -> str:
        """Return an id as text, also where it was sent as an integer. Raises `LackingError`."""
        value = self.tree.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not self.has(name):
            raise self.lacking(name)
        if not isinstance(value, str) or len(value) > MAX_IDENTIFIER_CHARS:
            raise self.lacking(name, f"is not an id of at most {MAX_IDENTIFIER_CHARS} characters")
        if has_half_pair(value):
            raise self.lacking(name, "is not text: it is cut in the middle of a character, or not UTF-8")
        return value

    def optional(self, name: str) -> str:
        """Return an id as text, '' where it is absent. Raises `LackingError` where it is of another type."""
        return self.identifier(name) if self.has(name) else ""

    def attribute(self, name: str, form: ValueFormat) -> Attributes:
        """Return the field as an attribute, none where it is absent or has not its form: a word could be a name.

        Raises `LackingError` where it is no text.
        """
        kept = mask_document({name: self.optional(name)}, {name: form})[name]
        return {name: kept} if isinstance(kept, str) and kept else {}

    def moment(self, name: str) -> int:
        """Return a time as Unix milliseconds. Raises `LackingError`."""
        return self._parsed(name, moment_ms, "is not a time: Unix seconds, milliseconds, or date and time")

    def moment_or(self, name: str, default: Callable[[], int]) -> int:
        """Return a time as Unix milliseconds, *default* where it is absent. Raises `LackingError`."""
        return self.moment(name) if self.has(name) else default()

    def fen(self, name: str) -> int:
        """Return an amount sent in fen. Raises `LackingError`."""
        return self._parsed(name, fen, "is not a whole number of fen")

    def yuan(self, name: str) -> int:
        """Return an amount sent in yuan, as fen. Raises `LackingError`."""
        return self._parsed(name, fen_from_yuan, "is not an amount in yuan with at most two decimals")

    def printed_yuan(self, name: str) -> int:
        """Return an amount as paper shows it (`-￥1,234.50`), as fen with its sign. Raises `LackingError`."""
        return self._parsed(name, fen_from_print, "is not an amount in yuan with at most two decimals")

    def number(self, name: str) -> int:
        """Return a small integer, also where it was sent as digits. Raises `LackingError`."""
        return self._parsed(name, _small_integer, "is not an integer")

    def _parsed(self, name: str, parse: Callable[[object], int | None], why: str) -> int:
        if not self.has(name):
            raise self.lacking(name)
        value = parse(self.tree[name])
        if value is None:
            raise self.lacking(name, why)
        return value


def _small_integer(value: object) -> int | None:
    if isinstance(value, str) and len(value) < 19 and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_ATTRIBUTE_NUMBER:
        return value
    return None


def with_subject(document: Mapping[str, object], subject: object) -> dict[str, object]:
    """Return *document* with the user's open id under `subject`, the one place where it is replaced by its hash."""
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    return dict(document) | ({} if subject is None or subject == "" else {"subject": subject})


def subject_of(document: DocumentFields, name: str, *, needed: bool = False) -> str | None:
    """Return the event's field `subject`, None where the message has none.

    Raises `LackingError`, naming the platform's field *name*, where it is no text, or *needed* and absent.
    """
    subject = document.tree.get("subject")
    if subject is None and not needed:
        return None
    if not isinstance(subject, str) or has_half_pair(subject):
        raise LackingError(name, "is missing" if subject is None else "is not text")
    return subject


def match_on(fields: DocumentFields, name: str, *, consent: bool = False) -> tuple[Mapping[str, str], ...]:
    """Return the placement key *name*.

    Raises `LackingError` where it is absent, but for a change of consent: a person's word holds wherever it was given.
    """
    return () if consent and not fields.has(name) else ({name: fields.identifier(name)},)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event that a document became, before it is joined with what may be kept of it."""

    fields: MappedFields
    match: tuple[Mapping[str, str], ...]
    alias: str = ""
    order_id: str = ""


def map_document(
    document: Mapping[str, object],
    allowed: AllowList,
    interpret: Callable[[DocumentFields], EventDraft],
    event_id: str = "",
) -> PlatformMessage:
    """Return the message that *document* is: what *interpret* makes of it, or the reject that names what it lacks.

    *event_id* is what the reject is listed under.
    """
    payload = mask_document(document, allowed)
    try:
        draft = interpret(DocumentFields(document))
    except LackingError as error:
        return UnmappedMessage(RejectReason.UNSUPPORTED_EVENT, error.field, str(error), payload, event_id)
    return MappedMessage(draft.fields, draft.match, payload, draft.alias, draft.order_id)


def malformed(body: bytes, error: UnreadableError) -> VerifiedPush:
    """Return the one reject of a signed body that cannot be read."""
    return VerifiedPush((unreadable(body, RejectReason.MALFORMED, str(error)),))


def no_message(body: bytes, message: str) -> VerifiedPush:
    """Return the one reject of a signed body that holds no message."""
    return VerifiedPush((unreadable(body, RejectReason.UNSUPPORTED_EVENT, message),))


def take_messages(body: bytes, elements: object, most: int, take: Callable[[object], PlatformMessage]) -> VerifiedPush:
    """Return what *take* makes of each of *elements*, which a signed *body* holds; one reject where they are no list,
    none, or more than *most*.
    """
    if not isinstance(elements, list) or not elements:
        return no_message(body, "the push holds no message")
    if len(elements) > most:
        too_many = f"more than {most} messages in one push"
        return VerifiedPush((unreadable(body, RejectReason.TOO_LARGE, too_many),))
    return VerifiedPush(tuple(take(element) for element in elements))


def read_object(body: bytes, take: Callable[[dict[str, object]], PlatformMessage]) -> VerifiedPush:
    """Return what *take* makes of the JSON object that a signed *body* holds, or its one reject."""
    try:
        value = read_json(body)
        return (
            VerifiedPush((take(value),)) if isinstance(value, dict) else no_message(body, "the body is not an object")
        )
    except UnreadableError as error:
        return malformed(body, error)


def read_inner(tree: Mapping[str, object], name: str) -> dict[str, object]:
    """Return *tree* with the JSON text under *name* read in its place; blank text and other types stay as they are.

    Raises `UnreadableError` where the text is not strict JSON.
    """
    value = tree.get(name)
    if not isinstance(value, str) or not value.strip():
        return dict(tree)
    return dict(tree) | {name: read_json(value)}
