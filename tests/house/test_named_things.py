"""What is named exists: the program is asked for every name that pages, help texts, messages, rules and the contract give.

An exception has its reason beside it. What is agreed on and not built yet may not be spoken of as if it were.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from typer.testing import CliRunner

from avenue.__main__ import build
from reports.metrics import METRICS
from schemas.outcomes import REASON_ORDER
from tests.support.named_things import (
    METRIC,
    RULE,
    SETTING,
    TARGET,
    TOPIC,
    Mention,
    Program,
    commands_of,
    found,
    mentions,
    options_of,
    paths_of,
    slugs_of,
    spans,
    texts,
    tracked,
)
from tests.support.paths import ROOT

CONTRACT: Mapping[str, Any] = tomllib.loads((ROOT / "tests/data/contract-names.toml").read_text())
PROGRAM = Program()

NO_METRICS = {
    "avenue_session": "the cookie of a sign-in",
    "avenue_lang": "the cookie of a language",
    "avenue_reader": "a user of ClickHouse in the compose file",
    "avenue_writer": "a user of ClickHouse in the compose file",
    "avenue_name": "a variable of the page templates",
    "avenue_map": "a module of the queries",
    "avenue_page": "a module of the pages, where a translation comes from",
    "avenue_conserv": "how a metric's name begins, to sort the reference page",
}
NO_TOPICS = {"event.v1": "the file name of the exported schema of an event"}
OTHERS_OPTIONS = {
    "--strict": "of mypy",
    "--standalone": "of Kafka's storage tool, in the decision that uses it",
    "--add-config": "of kafka-configs",
    "--alter": "of kafka-configs",
    "--entity-name": "of kafka-configs",
    "--entity-type": "of kafka-configs",
    "--reset-offsets": "of kafka-consumer-groups",
    "--rm": "of docker compose",
    "--scale": "of docker compose",
    "--since": "of docker compose logs",
}
NO_CLASSES = {
    "LogAppendTime": "a value of Kafka's own setting",
    "NotEnoughReplicas": "an error of Kafka's own",
}
_CAMEL = re.compile(r"((?:[A-Z][a-z]+){2,})(?:\.\w+)?")
_FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:py|md|yml|sql|toml|json|html|ts)")
_LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")


def unknown(named: list[Mention], known: Any, excused: Mapping[str, str], *, least: int) -> list[str]:
    """Return the mentions that are neither known nor excused; an excuse that nobody needs any more is one, too."""
    assert len(named) >= least, "too few are found: has the search gone blind?"
    stale = [f"{name} is excused and named nowhere" for name in excused if name not in {one.name for one in named}]
    return [str(one) for one in named if one.name not in known and one.name not in excused] + stale


def test_commands_and_their_options_that_are_named_exist() -> None:
    named = mentions(commands_of)

    assert len(named) > 80
    assert [f"{fault}, as in {one}" for one in named if (fault := PROGRAM.command_fault(one.name))] == []


def test_options_that_are_named_alone_exist() -> None:
    named = mentions(options_of)

    assert unknown(named, PROGRAM.options | PROGRAM.scripts_options, OTHERS_OPTIONS, least=40) == []


def test_paths_that_are_named_are_answered() -> None:
    named = mentions(paths_of)

    assert len(named) > 40
    assert [str(one) for one in named if PROGRAM.path_fault(one.name)] == []


def test_anchors_of_the_docs_pages_that_are_named_exist() -> None:
    anchors = [
        (page, anchor, where)
        for where, text in texts()
        for page, anchor in re.findall(r"/docs/(rejects|metrics)#([a-z_]+)", text)
    ]
    assert PROGRAM.path_fault("/docs/rejects") == ""
    assert PROGRAM.path_fault("/docs/metrics") == ""
    there = {"rejects": set(map(str, REASON_ORDER)), "metrics": set(map(str, METRICS))}

    assert [found for found in anchors if found[1] not in there[found[0]]] == []


def test_metrics_that_are_named_are_measured() -> None:
    assert unknown(mentions(found(METRIC)), PROGRAM.metrics, NO_METRICS, least=100) == []


def test_recorded_series_that_are_named_are_recorded() -> None:
    assert unknown(mentions(found(RULE)), PROGRAM.rules["record"], {}, least=4) == []


def test_settings_that_are_named_exist() -> None:
    named = mentions(found(SETTING))

    assert len(named) > 100
    assert [str(one) for one in named if PROGRAM.setting_fault(one.name)] == []


def test_topics_and_targets_that_are_named_exist() -> None:
    assert unknown(mentions(found(TOPIC)), PROGRAM.topics, NO_TOPICS, least=20) == []
    assert unknown(mentions(found(TARGET)), PROGRAM.targets, {}, least=8) == []


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    runbooks = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}

    assert len(runbooks) > 15
    assert runbooks == PROGRAM.rules["alert"]


def test_alerts_and_classes_that_pages_name_exist() -> None:
    code = "\n".join(path.read_text() for path in tracked("*.py"))
    named = mentions(
        lambda where, text: (
            match[1] for span in spans(text) if where.endswith(".md") and (match := _CAMEL.fullmatch(span))
        )
    )
    known = PROGRAM.rules["alert"] | {one.name for one in named if re.search(rf"\b{one.name}\b", code)}

    assert unknown(named, known, NO_CLASSES, least=10) == []


def test_files_that_are_named_exist() -> None:
    named = mentions(lambda _where, text: (span for span in spans(text) if _FILE.fullmatch(span)))

    assert len(named) > 20
    assert [
        str(one)
        for one in named
        if not (ROOT / one.name).exists() and not ((ROOT / one.where).parent / one.name).exists()
    ] == []


def test_anchors_that_links_lead_to_are_headings_there() -> None:
    links = [
        (page, (page.parent / target) if target else page, anchor)
        for page in tracked("*.md")
        for target, anchor in _LINK.findall(page.read_text())
        if "://" not in target
    ]

    assert links
    assert [(page.name, anchor) for page, target, anchor in links if anchor not in slugs_of(target.read_text())] == []


@pytest.mark.parametrize("command", CONTRACT["commands"])
def test_a_command_of_the_contract_is_there_with_its_options(command: str) -> None:
    line = " ".join(["avenue", command, *CONTRACT["commands"][command]])

    assert PROGRAM.command_fault(line) == ""


@pytest.mark.parametrize("path", CONTRACT["paths"])
def test_a_path_of_the_contract_is_answered(path: str) -> None:
    assert [PROGRAM.path_fault(f"{method} {path}") for method in CONTRACT["paths"][path]] == [""] * len(
        CONTRACT["paths"][path]
    )


@pytest.mark.parametrize("metric", CONTRACT["metrics"])
def test_a_metric_of_the_contract_has_its_labels(metric: str) -> None:
    assert metric in PROGRAM.metrics
    collectors = prometheus_client.REGISTRY._names_to_collectors
    assert list(getattr(collectors[metric], "_labelnames", ())) == CONTRACT["metrics"][metric]


def test_reasons_topics_and_targets_of_the_contract_are_there() -> None:
    assert list(map(str, REASON_ORDER)) == CONTRACT["reasons"]["in_order"]
    assert set(CONTRACT["topics"]["names"]) <= PROGRAM.topics
    assert set(CONTRACT["targets"]["make"]) <= PROGRAM.targets


def test_what_is_agreed_for_later_is_neither_there_nor_spoken_of() -> None:
    later = CONTRACT["later"]
    built = [name for name in later["commands"] if not PROGRAM.command_fault(f"avenue {name}") and " " not in name]
    spoken = [
        (word, where)
        for where, text in texts()
        for word in (*(f"avenue {name}" for name in later["commands"]), *later["options"])
        if re.search(rf"(?<![\w-]){word}\b", text)
    ]

    assert later["commands"]
    assert built == []
    assert spoken == []


@pytest.mark.parametrize("command", CONTRACT["commands"])
def test_a_command_used_wrongly_ends_with_2(command: str) -> None:
    done = CliRunner().invoke(build(), [*command.split(), "--no-such-option"])

    assert done.exit_code == 2
    assert "--no-such-option" in done.output


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("avenue rejects rplay --reason unknown_placement", "avenue rejects rplay"),
        ("avenue rejects replay --reson unknown_placement", "avenue rejects replay --reson"),
        ("avenue key issue|lst", "avenue key lst"),
        ("avenue mirror DIR", "avenue mirror"),
        ("avenue registry check|plan|apply FILE --json", ""),
        ("avenue topics list\\|resize", ""),
    ],
)
def test_a_command_that_is_not_there_is_found_out(line: str, fault: str) -> None:
    assert PROGRAM.command_fault(line) == fault


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("say `avenue doctr`", ["avenue doctr"]),
        ("```\nAVENUE_HOME=x avenue upp --port 1\n```", ["avenue upp --port 1"]),
        ("<code>.venv/bin/avenue sendd</code>", ["avenue sendd"]),
        ("the avenue is open", []),
    ],
)
def test_commands_are_seen_where_they_stand(text: str, seen: list[str]) -> None:
    assert list(commands_of("a.md", text)) == seen


def test_paths_settings_and_metrics_that_are_not_there_are_found_out() -> None:
    assert PROGRAM.path_fault("POST /v1/trials") == "POST /v1/trials"
    assert PROGRAM.path_fault("/v1/trails/{id}") == "/v1/trails/{id}"
    assert PROGRAM.path_fault("/v1/trials/{id}/metrics?by=arm") == ""
    assert PROGRAM.setting_fault("AVENUE_SINK__BATCH_ROW") == "AVENUE_SINK__BATCH_ROW"
    assert "avenue_gateway_event_total" not in PROGRAM.metrics
    assert list(found(METRIC)("a.md", "see avenue_sink_rows_totals, a:avenue_x:b")) == ["avenue_sink_rows_totals"]


def test_an_excuse_that_nobody_needs_is_told() -> None:
    named = [Mention("here", "a.md")]

    assert unknown(named, set(), {"gone": "why"}, least=1) == ["here  in a.md", "gone is excused and named nowhere"]
    assert Path(ROOT / "Makefile").exists()
