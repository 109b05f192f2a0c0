"""ClickHouse for tests: one chDB store per session (or the server that a variable names), a fresh database per test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings
from sinks.clickhouse.migrate import migrate


@pytest.fixture(scope="session")
def clickhouse_folder(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Return the session's chDB folder, or None where AVENUE_TEST_CLICKHOUSE_DSN names a server.

    chDB opens one folder at a time in a process: whoever needs another one must run in a process of its own.
    """
    if os.environ.get("AVENUE_TEST_CLICKHOUSE_DSN"):
        return None
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="session")
def _store_stays_open(clickhouse_folder: Path | None) -> Iterator[None]:
    """Hold the engine open between tests: opening it anew costs most of a second."""
    store = ClickHouse(clickhouse_settings("default"), path=clickhouse_folder)
    store.writer()
    yield
    store.close()


@pytest.fixture
def empty_clickhouse(_store_stays_open: None, clickhouse_folder: Path | None) -> Iterator[ClickHouse]:
    """Return a store whose database nothing else uses, without our tables."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    yield store
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


@pytest.fixture
def clickhouse(empty_clickhouse: ClickHouse) -> ClickHouse:
    """Return a store with our tables and views, in a database that nothing else uses."""
    migrate(empty_clickhouse)
    return empty_clickhouse


def clickhouse_settings(database: str) -> ClickHouseSettings:
    """Return settings for *database* of the session's store."""
    dsn = os.environ.get("AVENUE_TEST_CLICKHOUSE_DSN")
    return ClickHouseSettings(dsn=SecretStr(dsn) if dsn else None, database=database)
