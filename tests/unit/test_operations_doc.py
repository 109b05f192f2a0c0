"""What the operators' page names is there: settings, services, ports, commands, files."""

import re
from pathlib import Path

import msgspec

from avenue.__main__ import COMMANDS
from runtime.settings import OUTSIDE_SETTINGS, known_names

ROOT = Path(__file__).parents[2]
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
