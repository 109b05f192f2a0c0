"""Lines of `audit.v1`: who read or took what, and how that ended. Ids of keys and trials; no person, no secret."""

import msgspec


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a known reader. *process* and *number* go together without a gap, so that a missing one shows."""

    at_ms: int
    process: str
    number: int
    key: str
    """The id of the key, or of the share link where *scope* is `share`."""
    scope: str
    method: str
    route: str
    """As the server writes it: without what stood in the address."""
    trial: str
    """The trial that was asked for, where the registry has it."""
    share: str
    status: int
    sent_bytes: int
    whole: bool
    """Whether the answer went out to its end: an export may break off, and its reader leave."""
