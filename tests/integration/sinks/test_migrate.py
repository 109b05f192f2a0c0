"""Migrations on the real engine."""

from pathlib import Path

import pytest

from runtime.clickhouse import ClickHouse
from runtime.errors import ProtocolError
from sinks.clickhouse.migrate import FOLDER, migrate, read_folder

pytestmark = pytest.mark.clickhouse

CONTRACT_VIEWS = {
    "events": (
        "event_id account_id platform product_id trial_id placement_id arm kind outcome occurred_at received_at "
        "subject session_id duration_ms amount_fen rating attributes"
    ),
    "rejects": "reject_id account_id platform flow reason field message payload received_at replayed_at "
    "closed_at closed_by",
    "metrics_by_minute": (
        "product_id trial_id platform placement_id arm kind minute events failed abandoned duration_ms_sum "
        "amount_fen_sum rating_sum subjects sessions settled"
    ),
}


def _write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.removeprefix('n')}.sql").write_text(text)
    return folder


def test_every_migration_is_applied_once(empty_clickhouse: ClickHouse) -> None:
    first, second = migrate(empty_clickhouse), migrate(empty_clickhouse)

    assert first == [f"{item.number:04d}_{item.name}" for item in read_folder(FOLDER)]
    assert second == []


@pytest.mark.parametrize("view", CONTRACT_VIEWS)
def test_a_view_has_exactly_the_columns_that_readers_rely_on(clickhouse: ClickHouse, view: str) -> None:
    rows = clickhouse.reader().query(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = {view:String} ORDER BY position",
        parameters={"database": clickhouse.database, "view": view},
    )

    assert [row[0] for row in rows.result_rows] == CONTRACT_VIEWS[view].split()


def test_a_changed_file_is_refused(empty_clickhouse: ClickHouse, tmp_path: Path) -> None:
    folder = _write(tmp_path / "m", n0001_one="CREATE TABLE IF NOT EXISTS one (a UInt8) ENGINE = Memory;")
    migrate(empty_clickhouse, folder)
    _write(folder, n0001_one="CREATE TABLE IF NOT EXISTS one (a UInt16) ENGINE = Memory;")

    with pytest.raises(ProtocolError, match="0001_one was changed"):
        migrate(empty_clickhouse, folder)


def test_a_store_of_a_newer_version_is_refused(empty_clickhouse: ClickHouse, tmp_path: Path) -> None:
    folder = _write(tmp_path / "m", n0001_one="SELECT 1", n0002_two="SELECT 2")
    migrate(empty_clickhouse, folder)
    (folder / "0002_two.sql").unlink()

    with pytest.raises(ProtocolError, match="does not know"):
        migrate(empty_clickhouse, folder)


def test_a_file_cut_short_is_continued(empty_clickhouse: ClickHouse, tmp_path: Path) -> None:
    good = "CREATE TABLE IF NOT EXISTS one (a UInt8) ENGINE = Memory;\nCREATE TABLE IF NOT EXISTS two (a UInt8) ENGINE = Memory;"
    folder = _write(tmp_path / "m", n0001_both=good.replace("two (a UInt8)", "two (a Nonsense)"))
    with pytest.raises(Exception, match="Nonsense"):
        migrate(empty_clickhouse, folder)
    _write(folder, n0001_both=good)

    assert migrate(empty_clickhouse, folder) == ["0001_both"]
    assert empty_clickhouse.writer().command("SELECT count() FROM two") == 0


def test_gaps_in_the_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="numbered"):
        read_folder(_write(tmp_path / "m", n0001_one="SELECT 1", n0003_three="SELECT 3"))
