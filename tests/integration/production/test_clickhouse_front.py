"""The front that stands in for a ClickHouse server speaks its HTTP interface as the client expects it."""

from collections.abc import Iterator

import clickhouse_connect
import pytest
from pydantic import SecretStr

from runtime.clickhouse import ClickHouse, ClickHouseError, Client
from runtime.settings import ClickHouseSettings
from sinks.consumer.error_codes import code_of
from tests.support.clickhouse_front import clickhouse_front

pytestmark = pytest.mark.clickhouse


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with clickhouse_front(tmp_path_factory.mktemp("front") / "data") as address:
        yield address


@pytest.fixture
def store(dsn: str, unique_name: str) -> Iterator[ClickHouse]:
    settings = ClickHouseSettings(dsn=SecretStr(dsn), database=unique_name.replace("-", "_"))
    made = ClickHouse(settings)
    yield made
    made.close()


@pytest.fixture
def client(store: ClickHouse) -> Client:
    found = store.writer()
    found.command("CREATE TABLE kept (id UInt32, words String) ENGINE = MergeTree ORDER BY id")
    return found


def test_values_are_bound_on_the_server_and_come_back_as_they_went(client: Client) -> None:
    row = client.query(
        "SELECT {words:String}, {some:Array(UInt32)}", parameters={"words": "脑智'; DROP", "some": [1, 2]}
    )

    assert row.result_rows == [("脑智'; DROP", [1, 2])]


def test_parameters_too_long_for_an_address_come_as_a_form(client: Client) -> None:
    many = list(range(20_000))

    assert client.query("SELECT length({many:Array(UInt32)})", parameters={"many": many}).result_rows == [(20_000,)]


@pytest.mark.parametrize("packing", ["lz4", "zstd", "gzip", ""])
def test_inserts_and_answers_keep_their_bytes_whatever_the_packing(dsn: str, client: Client, packing: str) -> None:
    packed = clickhouse_connect.get_client(dsn=dsn, database=client.database, compress=packing or False)
    rows = [[number, "café; \n\\'" * 20] for number in range(5000)]

    packed.insert("kept", rows, column_names=["id", "words"])

    assert [list(row) for row in packed.query("SELECT id, words FROM kept ORDER BY id").result_rows] == rows
    packed.close()


def test_raw_lines_are_inserted_once_for_one_token(client: Client) -> None:
    client.command("ALTER TABLE kept MODIFY SETTING non_replicated_deduplication_window = 100")
    lines = b'{"id": 1, "words": "x"}\n{"id": 2, "words": "y"}'

    for _ in range(2):
        client.raw_insert(
            "kept", ["id", "words"], lines, fmt="JSONEachRow", settings={"insert_deduplication_token": "t-1"}
        )

    assert client.command("SELECT count() FROM kept") == 2


def test_an_error_has_the_engines_code(client: Client) -> None:
    with pytest.raises(ClickHouseError, match="UNKNOWN_TABLE") as caught:
        client.query("SELECT * FROM absent")

    assert code_of(caught.value) == 60


def test_another_password_is_refused(dsn: str) -> None:
    with pytest.raises(ClickHouseError, match="516"):
        clickhouse_connect.get_client(dsn=dsn.replace("front-only", "guessed"))


@pytest.mark.parametrize(
    "statement", ["DROP TABLE kept", "INSERT INTO kept VALUES (1, 'x')", "SELECT 1 SETTINGS readonly = 0"]
)
def test_the_readers_client_changes_nothing(store: ClickHouse, client: Client, statement: str) -> None:
    with pytest.raises(ClickHouseError, match="READONLY"):
        store.reader().raw_query(statement)

    assert client.command("SELECT count() FROM kept") == 0
