"""Prints what bench/results holds as one set of tables; `--write` puts them into docs/ and the README.

    python -m bench.table [--write]

A page marks where a table goes by `<!-- begin NAME -->` and `<!-- end NAME -->`; a test holds the pages to the results.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import science
from bench.machine import RESULTS

ROOT = Path(__file__).parents[1]
PAGES = ("docs/performance.md", "docs/methods.md", "README.md")
BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
OURS = "ours-500"
PLAIN = "500 a batch"
Result = Mapping[str, Any]


def main() -> int:
    """Print the tables; write the pages where asked."""
    if "--write" in sys.argv[1:]:
        for name in PAGES:
            page = ROOT / name
            page.write_text(filled(page.read_text()))
    for name in TABLES:
        if (text := rendered(name)) is not None:
            print(f"\n## {name}\n\n{text}")
    return 0


def result_of(name: str) -> Result | None:
    """Return the result *name*, None where it was not measured."""
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else None


def rendered(name: str) -> str | None:
    """Return the tables of *name*: of its file, and of those named *name*-something; None where there is none."""
    found = [path.stem for path in sorted([*RESULTS.glob(f"{name}.json"), *RESULTS.glob(f"{name}-*.json")])]
    parts = [(stem, TABLES[name](result_of(stem) or {})) for stem in found]
    return "\n\n".join(f"{stem}:\n\n{text}" if len(parts) > 1 else text for stem, text in parts) or None


def filled(page: str) -> str:
    """Return *page* with each marked block as the results have it."""
    return BLOCK.sub(lambda match: f"{match[1]}{_block(match[2])}\n{match[3]}", page)


def _block(name: str) -> str:
    if name == "summary":
        return summary(result_of("peers"))
    return rendered(name) or unwritten(name)


def unwritten(name: str) -> str:
    """Return what stands where a table will be."""
    return f"`bench/results/{name}.json` has not been written yet."


def summary(peers: Result | None) -> str:
    """Return the two lines of the README."""
    if peers is None:
        return "`make bench` measures it beside what one would pick instead."
    cost = {row["name"]: _figures(row)["min"] for row in peers["contenders"]}
    base = cost[OURS]
    others = (("Bytewax", "bytewax-1"), ("Quix Streams", "quix-1"), ("textbook Faust", "faust-1"))
    told = ", ".join(f"{label} {_times(cost[name] / base)}" for label, name in others)
    return (
        f"The worker counts a million events in {_number(base)} CPU-seconds of one core, 500 a message as its gateway "
        f"writes them, repeats told apart; over the same events, one a message as is usual: {told}, "
        f"and a bare consumer before a ClickHouse view {_times(cost['bare-1'] / base)} without looking for repeats, "
        f"{_times(cost['bare-1-ids'] / base)} with.\n"
        "[How fast](docs/performance.md) has every figure, the machine and the versions; `make bench` measures anew."
    )


def peers_table(found: Result) -> str:
    """Return the contenders, ours first, with the ratio of their best run to our best."""
    base = next(_figures(row)["min"] for row in found["contenders"] if row["name"] == OURS)
    head = (
        "what", "events a message", "looks for repeats", "CPU-s per million, min (median)", "to ours",
        "counts", "distinct users", "peak MB", "events read", "state; when a number is seen",
    )  # fmt: skip
    rows = [
        (
            row["label"],
            str(row["events_a_message"]),
            "yes" if row["dedupe"] else "no",
            _pair(_figures(row)),
            _times(_figures(row)["min"] / base),
            _counts(row["check"]),
            _distinct(row),
            str(row["memory_peak_mb"]),
            f"{row['events']:,}",
            row["state"],
        )
        for row in found["contenders"]
    ]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"{_table(head, rows)}\n\n{_stamp(found)}\nPeers: {versions}."


def _figures(row: Result) -> Result:
    return dict(row["cpu_seconds_per_million_events"])


def _counts(check: Result) -> str:
    if check["right"]:
        return "right"
    return f"**{check['wrong']:,} of {check['cells']:,} cells wrong** ({_excess(check)})"


def _excess(check: Result) -> str:
    off = check["events_told"] - check["events"]
    return f"{abs(off):,} events too {'many' if off > 0 else 'few'}" if off else "as many events as there are"


def _distinct(row: Result) -> str:
    check = row["check"]
    error = check["distinct_error_percent"]
    return f"estimated, off by {error:.2g} % a cell" if error else "exact"


def road_table(found: Result) -> str:
    """Return the road by role, and the seconds from a push to its sight."""
    rows = found["cpu_seconds_per_million_events"]
    roles = list(dict.fromkeys(role for row in rows for role in row["roles"]))
    plain = {row["layout"]: row["ours"]["min"] for row in rows if row["load"] == PLAIN}
    head = ("layout", "load", "events", *roles, "all but the broker", "to plain")
    cells = [
        (
            row["layout"],
            row["load"],
            f"{row['events']:,}",
            *(_pair(row["roles"][role]) if role in row["roles"] else "–" for role in roles),
            _pair(row["ours"]),
            _times(row["ours"]["min"] / plain[row["layout"]]),
        )
        for row in rows
    ]
    return f"{_table(head, cells)}\n\nCPU-seconds per million events, min (median).{_seconds(found)}\n{_stamp(found)}"


def _seconds(found: Result) -> str:
    runs = found.get("latency_s") or []
    told = []
    for name, what in (("row", "its row"), ("number", "the number that counts it")):
        parts = [f"{part} {min(run[name][part] for run in runs):.2f}" for part in ("p50", "p95", "max") if runs]
        if parts:
            told.append(f"\nSeconds from a push to {what}, best run: {', '.join(parts)}.")
    return "".join(told)


def worker_table(found: Result) -> str:
    """Return the worker by itself."""
    rows = [
        ("topic to topic", _pair(_figures(found))),
        ("of it, the steps alone", _number(found["steps_us_per_event"])),
        ("a rebuild from the log", _number(found["rebuild_us_per_event"])),
    ]
    return f"{_table(('worker', 'CPU-s per million events'), rows)}\n\n{_stamp(found)}"


def plain_table(found: Result) -> str:
    """Return any other result: each of its lists of rows, or named figures, as a table, then its stamp."""
    parts = []
    for name, part in found.items():
        rows = _rows(part)
        if rows:
            head = list(dict.fromkeys(key for row in rows for key in row))
            body = [tuple(_plain(row.get(key)) for key in head) for row in rows]
            parts.append(f"{name.replace('_', ' ')}:\n\n{_table([key.replace('_', ' ') for key in head], body)}\n")
    return "\n".join([*parts, _stamp(found)])


def noisy_table(found: Result) -> str:
    """Return what a quiet account waits for its answers, by what a noisy one does beside it."""
    turns = [
        ("alone", found["alone"], "–"),
        ("beside a noisy one, held to its rate", found["beside_limited"]["quiet"], _refused(found["beside_limited"])),
        ("beside a noisy one without a rate", found["beside_unlimited"]["quiet"], _refused(found["beside_unlimited"])),
        ("alone again", found["alone_again"], "–"),
    ]
    head = ("the quiet account", "requests", "p50 ms", "p95 ms", "max ms", "of the noisy one's, answered 429")
    keys = ("requests", "p50_ms", "p95_ms", "max_ms")
    rows = [(name, *(_plain(of[key]) for key in keys), refused) for name, of, refused in turns]
    return f"{_table(head, rows)}\n\np95 beside the limited one, to alone: {found['ratio']:.2f}.\n{_stamp(found)}"


def _refused(beside: Result) -> str:
    noisy = beside["noisy"]
    return f"{noisy['statuses'].get('429', 0):,} of {noisy['requests']:,}"


def backfill_table(found: Result) -> str:
    """Return the seconds from a live push to its sights, alone and beside a history."""
    parts = ("p50", "p95", "max")
    seconds = (f"{part} s{where}" for where in ("", " beside") for part in parts)
    head = ("from a live push to its", *seconds, "p95, to alone")
    rows = [
        (sight, *(_number(found[turn][sight][part]) for turn in ("alone", "beside") for part in parts), f"{ratio:.2f}")
        for sight, ratio in found["ratio_p95"].items()
    ]
    turns, rate = len(found["turns"]), found["history_events_per_s"]
    told = f"Medians of {turns} turns each; the history went on at {rate:,} events a second."
    return f"{_table(head, rows)}\n\n{told}\n{_stamp(found)}"


def _rows(part: Any) -> list[Result]:
    if isinstance(part, list) and all(isinstance(row, dict) for row in part):
        return part
    if isinstance(part, dict) and part and all(isinstance(value, dict) for value in part.values()):
        return [
            {"what": name, **({"min (median)": value} if _is_pair(value) else value)} for name, value in part.items()
        ]
    return []


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return _pair(value) if _is_pair(value) else ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "–" if value is None else str(value)


def _is_pair(value: Result) -> bool:
    return {"min", "median"} <= value.keys()


def _stamp(found: Result) -> str:
    machine = found.get("machine", "")
    text = (machine.get("text") or _plain(machine)) if isinstance(machine, dict) else machine
    runs = f"; {found['runs']} runs" if isinstance(found.get("runs"), int) else ""
    return f"Measured on {text}{runs}; `{found.get('command', '')}`."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pair(figures: Result) -> str:
    return f"{_number(figures['min'])} ({_number(figures['median'])})"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 2 else f"{value:.2f}"


def _times(ratio: float) -> str:
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"


TABLES: dict[str, Callable[[Result], str]] = {
    "peers": peers_table,
    "worker": worker_table,
    "road": road_table,
    "sink": plain_table,
    "gateway": plain_table,
    "queries": plain_table,
    "readout": plain_table,
    "memory": plain_table,
    "growth": plain_table,
    "noisy": noisy_table,
    "backfill": backfill_table,
    "calls": plain_table,
    "science": science.table,
}

if __name__ == "__main__":
    sys.exit(main())
