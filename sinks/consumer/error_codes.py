"""What the store's answer to an insert means: the one table of server codes."""

import enum

from runtime.clickhouse import ClickHouseError

# Error codes of ClickHouse (ErrorCodes.cpp) that speak of what is in the rows. The same bytes will never be taken:
# the batch is split until the line is found. Every other code, and no code (no answer), may pass by itself or by a
# person's hand (a full disk, a missing table, a password): the insert waits and is tried again.
CONTENT_CODES = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        130,  # CANNOT_READ_ARRAY_FROM_TEXT
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        457,  # BAD_QUERY_PARAMETER
        467,  # CANNOT_PARSE_BOOL
        675,  # CANNOT_PARSE_IPV4
        676,  # CANNOT_PARSE_IPV6
    }
)


class RetryDecision(enum.Enum):
    """What to do after a failed insert."""

    AGAIN = enum.auto()
    SPLIT = enum.auto()


def decide(error: ClickHouseError) -> RetryDecision:
    """Return what *error* asks for."""
    return RetryDecision.SPLIT if code_of(error) in CONTENT_CODES or _quotes_bytes(error) else RetryDecision.AGAIN


def _quotes_bytes(error: BaseException | None) -> bool:
    """Tell whether the engine's words could not be read: it quotes the row that it refuses, which is no UTF-8 then."""
    while error is not None:
        if isinstance(error, UnicodeDecodeError):
            return True
        error = error.__cause__ or error.__context__
    return False


def code_of(error: BaseException) -> int:
    """Return the server's code in *error*, 0 where there is none."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else 0
