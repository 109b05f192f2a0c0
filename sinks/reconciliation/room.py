"""How much room the store has left, by its own word: it may stand on another machine."""

from runtime.clickhouse import ClickHouse
from runtime.metrics import STORE_FREE

_DISKS = "SELECT name, free_space / total_space FROM system.disks WHERE total_space > 0"


def measure_room(clickhouse: ClickHouse) -> None:
    """Set the gauge of each of the store's disks. Raises `ClickHouseError`."""
    for disk, free in clickhouse.reader().query(_DISKS).result_rows:
        STORE_FREE.labels(str(disk)).set(float(free))
