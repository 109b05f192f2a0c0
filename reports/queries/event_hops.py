"""How far a test event has come: its row, and the number that counts it."""

from dataclasses import dataclass

from reports.queries.context import QueryContext


@dataclass(frozen=True, slots=True)
class SandboxEvent:
    """Where a test event stands in the store."""

    account_id: str
    product_id: str
    trial_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class EventHops:
    """What can be read of it."""

    stored: bool
    counted: bool


def event_hops(context: QueryContext, event: SandboxEvent) -> EventHops:
    """Return how far *event* has come."""
    parameters = {
        "account": event.account_id,
        "product": event.product_id,
        "trial": event.trial_id,
        "event": event.event_id,
    }
    ((stored, counted),) = context.rows("event_hops", parameters)
    return EventHops(bool(stored), bool(counted))
