"""What a ClickHouse error means to whoever operates the road: one sentence, with the next step."""

import re

from runtime.settings import ClickHouseSettings

MOST_SAID = 200
# ErrorCodes.cpp of the server.
_STEPS = {
    516: "refuses the user or password; check AVENUE_CLICKHOUSE__DSN",  # AUTHENTICATION_FAILED
    194: "asks for a password; put it into AVENUE_CLICKHOUSE__DSN",  # REQUIRED_PASSWORD
    193: "refuses the password; check AVENUE_CLICKHOUSE__DSN",  # WRONG_PASSWORD
    192: "does not know the user; check AVENUE_CLICKHOUSE__DSN",  # UNKNOWN_USER
    497: "does not allow that to the user; grant what docs/operations.md says",  # ACCESS_DENIED
    164: "lets the user only read; give this role a user that may write",  # READONLY
    # UNKNOWN_DATABASE
    81: "has no such database; start the sink, which makes it, or check AVENUE_CLICKHOUSE__DATABASE",
    60: "lacks a table; start the sink, which makes it",  # UNKNOWN_TABLE
    243: "has no room on its disk; make room, and it goes on by itself",  # NOT_ENOUGH_SPACE
    241: "has no memory left for it; give it more, or lower AVENUE_CLICKHOUSE__MAX_MEMORY_MB",  # MEMORY_LIMIT_EXCEEDED
    159: "took too long; raise AVENUE_CLICKHOUSE__QUERY_TIMEOUT_S, or look at the server's load",  # TIMEOUT_EXCEEDED
    202: "has too many queries at once; try again",  # TOO_MANY_SIMULTANEOUS_QUERIES
}
_CODE = re.compile(r"\bCode: (\d+)")
_SERVER = re.compile(r"DB::Exception: ([^\n]*?)(?: \(version |\n|$)")
_SECRETS = re.compile(r"//[^/@\s]*@")


def explain(settings: ClickHouseSettings, error: BaseException) -> str:
    """Return what *error* means for who reaches the store by *settings*; never a password."""
    where = "ClickHouse" if settings.dsn else "the store in the home folder"
    said = _said(error)
    step = _STEPS.get(code_of(error))
    if step is not None:
        return f"{where} {step} ({said})"
    if settings.dsn and code_of(error) == 0:
        return f"{where} does not answer ({said}); check AVENUE_CLICKHOUSE__DSN and the server"
    return f"{where}: {said}"


def _said(error: BaseException) -> str:
    """Return the server's own sentence where there is one, else the error's first line."""
    text = str(error)
    found = _SERVER.search(text)
    line = found[1] if found else (text.splitlines() or [type(error).__name__])[0]
    return _SECRETS.sub("//", line).strip()[:MOST_SAID]


def code_of(error: BaseException) -> int:
    """Return the server's code in *error*, 0 where there is none."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    found = _CODE.search(str(error))
    return int(found[1]) if found else 0
