"""What a report's pages are made of: plain pieces of text and numbers, already in one language, for every template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from reports.queries.health_lines import HealthState
from reports.trial_report.statement import SignedModel

Align = Literal["left", "right"]
Rows: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A table's column; *width* is its share of what the others leave, 0 for as wide as its content."""

    title: str
    align: Align = "right"
    width: int = 0


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table; `whole` says that its last row is the sum of the others' subject."""

    columns: tuple[TableColumn, ...]
    rows: Rows
    caption: str = ""
    note: str = ""
    whole: bool = False
    block_type: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class ParagraphBlock:
    """Text; the tone says how loud."""

    text: str
    tone: Literal["lead", "body", "note"] = "body"
    block_type: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class QuoteBlock:
    """A text in the report's language, and the same in the other."""

    text: str
    other: str
    other_tag: str
    block_type: Literal["quote"] = "quote"


@dataclass(frozen=True, slots=True)
class FactsBlock:
    """Names with their values."""

    rows: Rows
    block_type: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One large number with its name and what qualifies it."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class KeyFiguresBlock:
    """Large numbers side by side."""

    items: tuple[KeyFigure, ...]
    block_type: Literal["figures"] = "figures"


@dataclass(frozen=True, slots=True)
class HealthNotice:
    """A line with its state, which is said in words too: colour alone does not print."""

    state: HealthState
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class NoticesBlock:
    """Lines one below the other."""

    items: tuple[HealthNotice, ...]
    block_type: Literal["notices"] = "notices"


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A drawing of the document's `charts`, with what it shows in words."""

    name: str
    caption: str
    alt: str
    note: str = ""
    block_type: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class JudgedArm:
    """One arm's line of a metric that the trial is judged by; `plot` are positions between 0 and 1."""

    arm: str
    estimate: str
    interval: str
    """Or why there is none."""
    judged: bool
    plot: Mapping[str, float] | None
    units: str
    n: str
    lift: str
    lift_interval: str
    verdict: str
    verdict_state: HealthState


@dataclass(frozen=True, slots=True)
class JudgedMetric:
    """One metric that the trial is judged by."""

    name: str
    role: str
    per: str
    better: str
    arms: tuple[JudgedArm, ...]


@dataclass(frozen=True, slots=True)
class JudgementsBlock:
    """The primary metric and the guardrails; `head` are the columns' titles."""

    head: tuple[str, ...]
    metrics: tuple[JudgedMetric, ...]
    block_type: Literal["judgements"] = "judgements"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """What a metric means."""

    id: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DefinitionsBlock:
    """Metric definitions."""

    items: tuple[MetricDefinition, ...]
    block_type: Literal["definitions"] = "definitions"


Block: TypeAlias = (
    TableBlock
    | ParagraphBlock
    | QuoteBlock
    | FactsBlock
    | KeyFiguresBlock
    | NoticesBlock
    | ChartBlock
    | JudgementsBlock
    | DefinitionsBlock
)


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of the report under its title."""

    title: str
    blocks: tuple[Block, ...]
    own_page: bool = False
    """Begins a page."""


Drawing: TypeAlias = Callable[[], bytes]
"""Gives a chart as SVG, when asked: not every form of a report shows it."""


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A report in one language, ready to be set."""

    language: Literal["zh", "en"]
    tag: str
    kicker: str
    title: str
    other_title: str
    other_tag: str
    owner: str
    state: str
    interim: str
    """Said beside the state where the numbers will still change."""
    as_of: str
    footer: str
    page_of: str
    """With {page} and {pages}."""
    present_ms: int
    sections: tuple[ReportSection, ...]
    charts: Mapping[str, Drawing]
    """By name."""
    signed: SignedModel | None = None
    """Of a frozen report: the model that every form of it carries."""
