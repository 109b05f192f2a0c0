"""Lines of `audit.v1`: who read, took or changed what, and how that ended. Ids of ours; no person, no secret.

Lines of one process are a chain: each carries the hash of the one before it (`registry/audit_chain.py`).
"""

import msgspec

CHECKPOINT_S = 3600
"""A process that writes nothing else writes a line of its chain this often. Writers and `--verify` must agree on it."""

COMMAND_SCOPE = "command"
"""The scope of a change by a command of the command line, which comes by the broker's rights and has no key of ours."""
COMMAND_METHOD = "COMMAND"
CHAIN_METHOD = "CHAIN"
"""The method of lines that a process writes of its own chain: `begins`, `goes on`, `ends`."""
DRY_RUN = "dry run"
"""The subject of a replay that changes nothing."""
BEGUN, DONE, FAILED = 202, 200, 500
"""The status of a command's lines: about to change, changed, failed in between."""


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a known reader, one step of a command that changes something, or one of the chain itself.

    *process* and *number* go together without a gap, so that a missing one shows.
    """

    at_ms: int
    process: str = ""
    number: int = 0
    key: str
    """The id of the key, or of the share link where *scope* is `share`; of a command the Kafka user, if it has one."""
    scope: str
    method: str
    route: str
    """As the server writes it: without what stood in the address. Of a command its words."""
    trial: str = ""
    """The trial that was asked for, where the registry has it."""
    share: str = ""
    subject: str = ""
    """What was changed, by an id of ours: a key, a channel, a version of the registry, an epoch."""
    status: int
    sent_bytes: int = 0
    whole: bool = True
    """Whether the answer went out to its end: an export may break off, and its reader leave."""
    before: str = ""
    """The hash of the line that the process wrote before this one; empty in its first."""
    stood_number: int = 0
    """The last line of the process that the broker had confirmed by then (0: none), and where it stood."""
    stood_offset: int = -1
    ends: bool = False
    """Nothing of the process comes after this line."""
    sha256: str = ""
    """Of this line without this member; empty in lines from before there was a chain."""
