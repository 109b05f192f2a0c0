"""Where a record stands, and a partition: what rows and offsets are kept by."""

from dataclasses import dataclass

from schemas.topics import Topic

PartitionKey = tuple[Topic, int]
"""A topic's partition, whatever prefix the topic's name has."""


@dataclass(frozen=True, slots=True)
class RecordPosition:
    """Where a record stands in the log, and when it was stamped, Unix ms."""

    topic: Topic
    epoch: int
    partition: int
    offset: int
    stamped_ms: int
