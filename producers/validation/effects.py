"""What an event causes beside its own line: records that are acknowledged before the line is published.

So a retry finds the id known only where everything that its event causes is safe, and causes it again where it is not.
"""

from dataclasses import dataclass

from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class EventEffect:
    """One fact, under a key of its own on a compacted topic: written twice it is there once, and it undoes no other's.

    A state is what all its facts come to, whichever gateway wrote them in which order.
    """

    topic: Topic
    key: str
    value: bytes | None
    """None takes the fact away: it does not count any more, and whoever still reads it is told nothing wrong."""
