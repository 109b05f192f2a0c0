"""The operators' reference pages, written from the code: `python -m runtime.reference` writes, `--check` compares."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

import runtime.metrics
from runtime.metrics import ROLES, exported
from runtime.settings import PREFIX, Settings, SettingsGroup

DOCS = Path(__file__).parents[1] / "docs"
AGAIN = "`python -m runtime.reference`"

_METRICS_HEAD = f"""# Metrics of every role

Written by {AGAIN} from `runtime/metrics.py`; do not edit.
Each role serves those that it has at `/metrics` of its ops port; the embedded server is gateway, sink and reports.
Durations are seconds, labels come from closed sets, and a counter begins at 0 with its process.
Alerts on them: `ops/prometheus/rules/`; what to do when one fires: [runbooks](runbooks/README.md).
"""
_SETTINGS_HEAD = f"""# Settings of every role

Written by {AGAIN} from `runtime/settings.py`; do not edit.
A setting is an environment variable, or the same in `avenue.toml` (in the working folder, or where `AVENUE_CONFIG`
points): `AVENUE_KAFKA__PARTITIONS=64` is `partitions = 64` under `[kafka]`.
The environment wins over the file, and a flag of the command line over both.
Unknown names are refused at start, with the nearest known one.
`AVENUE_KEY` is no setting: commands that ask a gateway take an access key from it.
"""
_SECTIONS = (
    ("Gateway", ("avenue_gateway_",)),
    ("Worker", ("avenue_worker_",)),
    (
        "Sink",
        ("avenue_sink_", "avenue_consumer_", "avenue_end_", "avenue_settle_", "avenue_reconcile_", "avenue_conserv"),
    ),
    ("Reports", ("avenue_reports_",)),
    ("Every role", ("avenue_",)),
)


@dataclass(frozen=True, slots=True)
class DescribedMetric:
    """A metric as Prometheus sees it."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str
    roles: tuple[str, ...]
    """That export it."""

    @property
    def series(self) -> frozenset[str]:
        """Return the names under which its samples come."""
        if self.type == "histogram":
            return frozenset(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return frozenset({self.name})


def described_metrics() -> list[DescribedMetric]:
    """Return every metric of `runtime.metrics`, in the order of that module."""
    return [
        _described(item) for item in vars(runtime.metrics).values() if isinstance(item, Counter | Gauge | Histogram)
    ]


def _described(metric: Counter | Gauge | Histogram) -> DescribedMetric:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels: tuple[str, ...] = tuple(metric._labelnames)  # noqa: SLF001 - the client tells them nowhere else
    roles = tuple(role for role in ROLES if exported(name, {role}))
    return DescribedMetric(name, family.type, labels, family.documentation, roles)


def metrics_page() -> str:
    """Return the page of all metrics, by role."""
    left = described_metrics()
    parts = [_METRICS_HEAD]
    for title, prefixes in _SECTIONS:
        here = [metric for metric in left if metric.name.startswith(prefixes)]
        left = [metric for metric in left if metric not in here]
        rows = (
            (f"`{m.name}`", m.type, ", ".join(f"`{label}`" for label in m.labels), ", ".join(m.roles), m.help)
            for m in here
        )
        parts.append(_table(title, ("metric", "type", "labels", "exported by", "what"), rows))
    return "\n".join(parts)


def settings_page() -> str:
    """Return the page of all settings, by group."""
    alone: list[Sequence[str]] = []
    groups: list[str] = []
    for name, info in Settings.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, SettingsGroup):
            groups.append(_table(_first_sentence(inner), _COLUMNS, _rows(f"{PREFIX}{name}__", inner)))
        else:
            alone += [row for row in _rows(PREFIX, Settings) if row[0] == f"`{PREFIX}{name.upper()}`"]
    return "\n".join([_SETTINGS_HEAD, _table("Without a group", _COLUMNS, alone), *groups])


_COLUMNS = ("variable", "default", "allowed", "what, and why so")


def _rows(prefix: str, group: type[SettingsGroup]) -> Iterator[Sequence[str]]:
    schema = group.model_json_schema(ref_template="{model}")["properties"]
    for name, info in group.model_fields.items():
        default = "" if info.default is None else f"`{_plain(info.default)}`"
        yield (f"`{prefix}{name}`".upper(), default, _allowed(schema[name]), info.description or "")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _allowed(schema: dict[str, Any]) -> str:
    options = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    part = {**schema, **options[0]} if options else schema
    if part.get("format") == "password":
        return "secret"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "pattern" in part:
        return f"`{part['pattern']}`"
    words = {"integer": "whole", "number": "number", "string": "path" if part.get("format") == "path" else "text"}
    return " ".join([words.get(part.get("type", ""), ""), *_bounds(part)]).strip()


def _bounds(part: dict[str, Any]) -> Iterator[str]:
    symbols = (("exclusiveMinimum", "&gt;"), ("minimum", "≥"), ("maximum", "≤"))
    return (f"{sign} {part[name]:g}" for name, sign in symbols if name in part)


def _first_sentence(group: type[SettingsGroup]) -> str:
    return (group.__doc__ or group.__name__).split(":")[0].split(".")[0].strip()


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def pages() -> dict[Path, str]:
    """Return each page's path with what it should hold."""
    return {DOCS / "metrics-operators.md": metrics_page(), DOCS / "settings.md": settings_page()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or tell which of them are out of date."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime.reference", description=__doc__, epilog="example: python -m runtime.reference --check"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where a page is out of date")
    options = parser.parse_args(arguments)
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if not options.check:
            path.write_text(pages()[path])
        print(f"{path.relative_to(DOCS.parent)}: {'out of date' if options.check else 'written'}")  # noqa: T201 - a command's own message
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
