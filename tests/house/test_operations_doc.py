"""What the operators' page names is there: settings, services, ports, commands, files."""

import re

import msgspec

from avenue.__main__ import COMMANDS
from runtime.settings import OUTSIDE_SETTINGS, known_names
from schemas.topics import DAY_S, SPECS
from sinks.retention.rules import ALL, OF_CALLS, OF_RECORDS, OF_REJECTS, OF_TRIALS, STAYING
from tests.support.paths import ROOT

PAGES = [ROOT / "docs" / "operations.md", *sorted((ROOT / "docs" / "runbooks").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
COMPOSE = msgspec.yaml.decode((ROOT / "docker-compose.yml").read_bytes())
# Roles are commands too; they share a module.
ROLES = {"gateway", "reports", "sink"}


def test_settings_that_are_named_exist() -> None:
    named = set(re.findall(r"`(AVENUE_\w+[A-Z])(?:=\w+)?`", TEXT))

    assert named - set(known_names()) - OUTSIDE_SETTINGS == set()


def test_services_that_are_named_exist() -> None:
    named = re.findall(r"docker compose (?:run --rm|exec|restart|build|logs -f|ps|stop) ([a-z]+)", TEXT)
    scaled = re.findall(r"--scale ([a-z]+)=", TEXT)

    assert named
    assert {*named, *scaled} - set(COMPOSE["services"]) == set()


def test_commands_that_are_named_exist() -> None:
    named = set(re.findall(r"`avenue ([a-z]+)", TEXT)) | set(re.findall(r"operator ([a-z]+)", TEXT))

    assert {"reconcile", "doctor"} <= named
    assert named - {*COMMANDS, *ROLES} == set()


def test_links_and_files_lead_somewhere() -> None:
    found = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)#]+)\)", page.read_text())]
    links = [page.parent / link for page, link in found if "://" not in link]
    files = [ROOT / name for name in re.findall(r"`((?:ops|docs|tests)/[\w./-]+)`", TEXT)]

    assert len(links) > 20
    assert files
    assert [path for path in (*links, *files) if not path.exists()] == []


def test_ports_of_this_machine_are_those_of_the_compose_file() -> None:
    page = PAGES[0].read_text()
    published = {
        str(port).split(":")[1] for service in COMPOSE["services"].values() for port in service.get("ports", ())
    }

    table = " ".join(line for line in page.splitlines() if line.startswith("| 127.0.0.1"))
    assert set(re.findall(r"\b(\d{4})\b", table)) == published


def test_every_table_and_topic_stands_there_with_how_long_it_is_kept_and_why() -> None:
    section = PAGES[0].read_text().split("## What is kept how long")[1].split("\n## ")[0]
    rows = [
        tuple(cell.strip("` ") for cell in line.split("|")[1:-1])
        for line in re.findall(r"^\| `.*$", section, re.MULTILINE)
    ]
    since = [(OF_TRIALS, "the trial's end"), (OF_REJECTS, "receipt")]
    since += [(OF_CALLS, "their time"), (OF_RECORDS, "their time"), (STAYING, "–")]

    topics = []
    for spec in SPECS.values():
        days = "" if spec.retention_s is None else f"{spec.retention_s // DAY_S} days"
        for_days = f", for {days}" if days else ""
        topics.append((spec.topic, f"the last record of each key{for_days}" if spec.compacted else days))
    tables = [
        (kept.table, f"AVENUE_CLICKHOUSE__{kept.setting.upper()}" if kept.setting else "stays", moment, kept.why)
        for group, moment in since
        for kept in group
    ]
    assert rows == [*topics, *tables]
    assert {row[1] for row in tables} - {"stays"} <= set(known_names())
    assert len(tables) == len(ALL)


def test_every_topic_is_read_and_written_by_a_role_in_the_table_of_rights() -> None:
    section = PAGES[0].read_text().split("## Rights in the cluster")[1].split("\n## ")[0]
    roles = [
        line.split("|")[1:-1]
        for line in section.splitlines()
        if re.match(r"\| (gateway|worker|sink|reports|`operator` commands) ", line)
    ]

    assert len(roles) == 5
    for column in (1, 2):
        named = set(re.findall(r"`([a-z-]+\.v1)`", " ".join(row[column] for row in roles)))
        # Keys are made by who applies the registry.
        assert named >= set(map(str, SPECS)), column
    assert "GRANT SELECT ON system.mutations" in section, "errors of the store send the reader here"
