"""The renaming of kinds of rows killed with -9 on a store of its own: what was there is there after the next start."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sinks.clickhouse.migrate import FOLDER, read_folder

pytestmark = pytest.mark.clickhouse

ROOT = Path(__file__).parents[3]
RENAMING = next(migration for migration in read_folder(FOLDER) if migration.name == "name_kinds_of_rows")
PATIENCE_S = 120
COMMON = """
import json, shutil, sys, tempfile
from pathlib import Path
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings
from runtime.sql_statements import split_statements
from sinks.clickhouse.migrate import FOLDER, migrate, read_folder

store = ClickHouse(ClickHouseSettings(), path=Path(sys.argv[1]))
number = int(sys.argv[2])
"""
KILLED = """
with tempfile.TemporaryDirectory() as folder:
    for path in FOLDER.glob("*.sql"):
        if int(path.name[:4]) < number:
            shutil.copy(path, folder)
    migrate(store, Path(folder))
client = store.writer()
client.command("INSERT INTO registry_entries (sort, id, body, version) VALUES ('epoch', '1', 'said', 1)")
client.command("INSERT INTO rolled_days (sort, product_id, day, run) VALUES ('cells', 'band', 86400, 1)")
client.command("INSERT INTO retired (sort, scope, until, numbers, retired_at) VALUES ('stored', 'q4', 1, [5], 1)")
(renaming,) = [migration for migration in read_folder(FOLDER) if migration.number == number]
for statement in list(split_statements(renaming.text))[: int(sys.argv[3])]:
    client.command(statement)
print("held", flush=True)
sys.stdin.read()
"""
OPENED = """
applied = migrate(store)
client = store.reader()
tables = ("registry_records", "daily_rollups", "retirements")
counts = [client.query(f"SELECT count() FROM {table} FINAL").result_rows[0][0] for table in tables]
print(json.dumps([applied[0], counts]), flush=True)
"""


@pytest.mark.parametrize("statements", [4, 11, 17])
def test_a_renaming_that_was_killed_is_finished_at_the_next_start(tmp_path: Path, statements: int) -> None:
    arguments = [str(tmp_path / "clickhouse"), str(RENAMING.number)]
    killed = subprocess.Popen(
        [sys.executable, "-c", COMMON + KILLED, *arguments, str(statements)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with killed:
        assert killed.stdout is not None
        assert "held\n" in iter(killed.stdout.readline, "")  # after the log
        killed.send_signal(signal.SIGKILL)

    opened = subprocess.run(
        [sys.executable, "-c", COMMON + OPENED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert json.loads(opened.stdout.splitlines()[-1]) == [f"{RENAMING.number:04d}_{RENAMING.name}", [1, 1, 1]]
