"""Statements in files: what ends one, what is put into one, and what is not sent."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from runtime.sql import SqlTemplates


def test_a_statement_includes_files_of_both_folders_without_their_comments(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    (own / "late.sql").write_text('SELECT countIf({% include "is_late.sql" %}) FROM {{ table }}\n')
    (shared / "is_late.sql").write_text("-- The rule.\nreceived_at > {until:DateTime} -- excluded\n")
    (shared / "late.sql").write_text("never taken")

    assert SqlTemplates(own, shared).render("late", table="events") == (
        "SELECT countIf(received_at > {until:DateTime}) FROM events"
    )


def test_a_part_that_was_forgotten_is_an_error_and_no_gap(tmp_path: Path) -> None:
    (tmp_path / "events.sql").write_text("SELECT * FROM {{ table }}")

    with pytest.raises(UndefinedError, match="table"):
        SqlTemplates(tmp_path).render("events")
