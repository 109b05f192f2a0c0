"""What a Kafka error means to whoever operates the road: one sentence, with the next step."""

import re

from kafka.errors import (
    AuthorizationError,
    IllegalSaslStateError,
    InvalidReceiveError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
    UnsupportedSaslMechanismError,
)

from runtime.errors import PipelineError
from runtime.settings import KafkaSettings

EMBEDDED_BOOTSTRAP = "127.0.0.1:9092"
REFUSALS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, IllegalSaslStateError, AuthorizationError)
"""What trying again does not mend: the broker answered, and said no."""
MOST_SAID = 200

_SIGN_IN = (
    "Kafka at {at} refuses the sign-in of {who} by {mechanism} ({said}); "
    "check AVENUE_KAFKA__SASL_USERNAME and AVENUE_KAFKA__SASL_PASSWORD"
)
_MECHANISM = (
    "Kafka at {at} does not take the sign-in {mechanism}; set AVENUE_KAFKA__SASL_MECHANISM to one that its listener has"
)
_PROTOCOL = (
    "Kafka at {at} expects another way to sign in ({said}); "
    "set AVENUE_KAFKA__SECURITY_PROTOCOL (now {protocol}) as its listener has it"
)
_RIGHTS = (
    "Kafka at {at} does not allow {who} to do that ({said}); "
    'give it the rights that docs/operations.md lists under "Rights in the cluster"'
)
_CODEC = (
    "records at {at} are compressed in a way that cannot be read here ({said}); "
    "install the requirements again"
)  # fmt: skip
_CERTIFICATE = (
    "the certificate of Kafka at {at} is not accepted ({said}); "
    "set AVENUE_KAFKA__SSL_CAFILE to the authority that signed it"
)
_NO_TLS = (
    "Kafka at {at} does not speak TLS there ({said}); "
    "set AVENUE_KAFKA__SECURITY_PROTOCOL (now {protocol}) as its listener has it"
)
_HUNG_UP = (
    "who listens at {at} hangs up without an answer ({said}); is it a Kafka broker, and does its listener speak "
    "{protocol}, as AVENUE_KAFKA__SECURITY_PROTOCOL says?"
)
_AWAY = (
    "no Kafka broker answers at {at} ({said}); "
    "start one with `avenue up`, or point AVENUE_KAFKA__BOOTSTRAP at yours"
)  # fmt: skip

_BY_KIND = (
    (SaslAuthenticationFailedError, _SIGN_IN),
    (UnsupportedSaslMechanismError, _MECHANISM),
    (IllegalSaslStateError, _PROTOCOL),
    (AuthorizationError, _RIGHTS),
    (UnsupportedCodecError, _CODEC),
    (InvalidReceiveError, _HUNG_UP),
)
# Python's and kafka-python's own words, in errors of the most general kind.
_BY_TEXT = (
    ("CERTIFICATE_VERIFY_FAILED", _CERTIFICATE),
    ("Handshake failed", _NO_TLS),
    ("socket disconnected", _HUNG_UP),
)
# kafka-python repeats the error's number and class before its text.
_NAMES = re.compile(r"^(?:\[Error \d+\] )?(?:\w*Error: )*(?:Handshake failed: )?")


def is_refusal(error: BaseException | None) -> bool:
    """Tell whether the broker answered and said no, or is not who the settings say: the same try comes to the same."""
    return isinstance(error, REFUSALS) or (error is not None and _BY_TEXT[0][0] in str(error))


def explain(settings: KafkaSettings, error: BaseException) -> str:
    """Return what *error* means for who reaches the cluster by *settings*; never a password.

    An error of ours says so itself.
    """
    if isinstance(error, PipelineError):
        return str(error)
    return _sentence(error).format(
        at=settings.bootstrap or EMBEDDED_BOOTSTRAP,
        who=f"the user {settings.sasl_username}" if settings.sasl_username else "a client without a name",
        mechanism=settings.sasl_mechanism,
        protocol=settings.security_protocol,
        said=_said(error),
    )


def _sentence(error: BaseException) -> str:
    by_kind = (sentence for kind, sentence in _BY_KIND if isinstance(error, kind))
    by_text = (sentence for words, sentence in _BY_TEXT if words in str(error))
    return next(by_kind, None) or next(by_text, _AWAY)


def _said(error: BaseException) -> str:
    lines = _NAMES.sub("", str(error)).strip().splitlines() or [type(error).__name__]
    return lines[0].strip(" :")[:MOST_SAID]
