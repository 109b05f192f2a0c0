"""The exceptions of the road.

PipelineError
├── ConfigurationError      a setting, a file or an environment that a person must mend; the message says how
├── RetryableError          a later try may succeed (`retry_after_s`)
├── UnavailableError        a part of the road does not answer; names the part
│   └── RefusedError        it answers, and says no: a password, a right, a certificate; names what to mend
└── ProtocolError           something on a topic or in a table contradicts the protocol: stop rather than guess
"""


class PipelineError(Exception):
    """Root of every error that this project raises itself."""


class ConfigurationError(PipelineError):
    """A setting, file or environment is wrong; the message names it and the way out."""


class RetryableError(PipelineError):
    """The same call may succeed after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnavailableError(PipelineError):
    """A part of the road does not answer."""


class RefusedError(UnavailableError):
    """A part of the road says no to us; the same try comes to the same until a person mends what the message names."""


class ProtocolError(PipelineError):
    """What is on a topic or in a table contradicts the counting protocol."""


def first_line(error: object, max_chars: int = 300) -> str:
    """Return the first line of *error*'s text, cut: what follows may quote rows, and may be long.

    An error without a text gives the name of its class. Total.
    """
    return next(iter(str(error).splitlines()), "")[:max_chars] or type(error).__name__
