"""What Kafka's errors are said as, and that a missing codec is named before a record comes in it."""

import importlib

import pytest
from kafka import codec
from kafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
)

from runtime.codecs import CODECS, Reader, refuse_missing_codecs
from runtime.errors import ConfigurationError, UnavailableError
from runtime.kafka_errors import explain, is_refusal
from runtime.settings import KafkaSettings

LINES = b"{}\n" * 100_000
SETTINGS = KafkaSettings.model_validate(
    {
        "bootstrap": "kafka:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_username": "avenue",
        "sasl_password": "s3cret",
    }
)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            SaslAuthenticationFailedError("SaslAuthenticationFailedError: Invalid username or password"),
            (
                "Kafka at kafka:9092 refuses the sign-in of the user avenue by PLAIN (Invalid username or password); "
                "check AVENUE_KAFKA__SASL_USERNAME and AVENUE_KAFKA__SASL_PASSWORD"
            ),
        ),
        (
            TopicAuthorizationFailedError("registry.v1"),
            (
                "Kafka at kafka:9092 does not allow the user avenue to do that (registry.v1); "
                'give it the rights that docs/operations.md lists under "Rights in the cluster"'
            ),
        ),
        (
            UnsupportedCodecError("Libraries for snappy compression codec not found"),
            (
                "records at kafka:9092 are compressed in a way that cannot be read here "
                "(Libraries for snappy compression codec not found); install the requirements again"
            ),
        ),
        (
            KafkaConnectionError("Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
            (
                "the certificate of Kafka at kafka:9092 is not accepted ([SSL: CERTIFICATE_VERIFY_FAILED] certificate "
                "verify failed); set AVENUE_KAFKA__SSL_CAFILE to the authority that signed it"
            ),
        ),
        (
            KafkaTimeoutError(),
            (
                "no Kafka broker answers at kafka:9092 (KafkaTimeoutError); "
                "start one with `avenue up`, or point AVENUE_KAFKA__BOOTSTRAP at yours"
            ),
        ),
        (UnavailableError("the broker rests"), "the broker rests"),
    ],
)
def test_an_error_is_said_in_one_sentence_with_the_next_step(error: Exception, told: str) -> None:
    assert explain(SETTINGS, error) == told


def test_an_outage_is_no_refusal() -> None:
    assert is_refusal(SaslAuthenticationFailedError())
    assert is_refusal(TopicAuthorizationFailedError("registry.v1"))
    assert not is_refusal(KafkaTimeoutError())
    assert not is_refusal(KafkaConnectionError("111 ECONNREFUSED"))
    assert not is_refusal(None)


@pytest.mark.parametrize("reader", ["kafka", "aiokafka"])
def test_every_codec_of_kafka_is_read_here(reader: Reader) -> None:
    refuse_missing_codecs(reader)

    module = importlib.import_module(f"{reader}.codec")
    read = [getattr(module, f"{name}_decode")(getattr(module, f"{name}_encode")(LINES)) for name in CODECS]
    assert [bytes(text) for text in read] == [LINES] * 4


def test_a_codec_that_cannot_be_read_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "snappy" in CODECS
    monkeypatch.setattr(codec, "snappy", None)

    with pytest.raises(ConfigurationError, match="compressed with snappy cannot be read here: the package python-snap"):
        refuse_missing_codecs()
