"""The statements of the read side: each is asked, none stands in a module, and shared rules are told once."""

import re
from pathlib import Path

from tests.support.paths import ROOT

QUERIES = ROOT / "reports/queries"
RULES = ROOT / "schemas/sql"
STATEMENT = re.compile(r"\bSELECT\b[^\n]*\n?[^\n]*\bFROM\b|\bSELECT\n")


def texts(*folders: Path, pattern: str) -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for folder in folders for path in folder.rglob(pattern)}


def test_every_statement_is_asked_by_a_module_or_put_into_another() -> None:
    statements = {path.stem for path in QUERIES.glob("*.sql")}
    modules, others = texts(QUERIES, pattern="*.py"), texts(QUERIES, pattern="*.sql")
    asked = {name for text in modules.values() for name in re.findall(r'"([a-z_]+)"', text)}
    put_in = {name for text in others.values() for name in re.findall(r'(?:include|from) "([a-z_]+)\.sql"', text)}

    assert len(statements) > 30
    assert statements - asked - put_in == set()


def test_no_module_of_the_read_side_holds_a_statement() -> None:
    modules = texts(ROOT / "reports", pattern="*.py")

    assert len(modules) > 60
    assert [name for name, text in modules.items() if STATEMENT.search(text)] == []


def test_which_minutes_hold_is_told_once() -> None:
    told = texts(QUERIES, pattern="*.sql")

    assert [name for name, text in told.items() if "FROM cells_live FINAL" in text] == [
        "reports/queries/settled_or_live.sql"
    ]


def test_what_is_late_and_how_far_a_person_came_is_told_once_for_sinks_and_read_side() -> None:
    told = texts(QUERIES, RULES, ROOT / "sinks/clickhouse/queries", pattern="*.sql")

    assert [name for name, text in told.items() if "windowFunnel(" in text] == ["schemas/sql/funnel_by_people.sql"]
    assert [name for name, text in told.items() if "{graces_ms:" in text] == ["schemas/sql/is_late.sql"]
