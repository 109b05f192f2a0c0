"""The registry as ClickHouse keeps it: for commands that have the store but no broker to read the topic from."""

from typing import Final

from registry.directory import Directory
from registry.state import RegistryState
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import PipelineError, ProtocolError, first_line
from runtime.kafka import LogRecord
from schemas.topics import Topic

# Keys are kept without their hashes, so nobody can be known by them: they are left out.
_SQL: Final = """
SELECT entry_type, id, body, version
FROM registry_records FINAL
WHERE entry_type IN ('registry', 'plan', 'epoch') AND NOT deleted
ORDER BY version
"""


def stored_directory(clickhouse: ClickHouse) -> Directory:
    """Return the registry in force when the store last heard of it, without access keys and secrets.

    Raises `PipelineError` where the store cannot be read, `ProtocolError` where an entry of it is no registry's.
    """
    try:
        rows = clickhouse.reader().query(_SQL).result_rows
    except ClickHouseError as error:
        raise PipelineError(f"the store cannot be read: {first_line(error)}") from error
    state = RegistryState()
    for entry_type, name, body, version in rows:
        record = LogRecord(Topic.REGISTRY, 0, int(version), 0, f"{entry_type}:{name}".encode(), str(body).encode(), {})
        try:
            state.apply(record)
        except ValueError as error:
            raise ProtocolError(f"the stored registry's entry {entry_type}:{name} cannot be read: {error}") from error
    return state.directory()
