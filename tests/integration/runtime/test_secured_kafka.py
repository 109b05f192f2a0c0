"""A cluster that asks who comes: the roles reach it by settings, and say in one sentence what was refused."""

import gc
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from avenue.embedded.ports import free_port
from registry.epochs import ensure_topics_and_epoch
from registry.follower import RegistryFollower
from runtime.errors import ConfigurationError, RefusedError, UnavailableError
from runtime.kafka import make_admin, make_consumer, make_producer
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from tests.conftest import TEST_HEAP_MB
from tests.support.secured_broker import SCRAM, STRANGER, USER, SecuredBroker, make_authority
from tests.support.stack import AVENUE, BATCH_ACCOUNT, MakeStack
from tests.support.waiting import wait_until

pytestmark = [
    *(pytest.mark.kafka, pytest.mark.xdist_group("secured"), pytest.mark.timeout(300)),
    # kafka-python leaves the sockets of failed handshakes to the garbage collector: here, where it is expected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WRONG = "wrong-password"
SOON_S = 5.0
ROLE_S = 60.0
Case = dict[str, object]
REFUSED: dict[str, tuple[Case, str]] = {
    "a wrong password": ({"sasl_password": WRONG}, "refuses the sign-in of the user avenue by PLAIN"),
    "a wrong password by SCRAM": (
        {"sasl_mechanism": SCRAM, "sasl_password": WRONG},
        f"refuses the sign-in of the user avenue by {SCRAM}",
    ),
    "a wrong password over TLS": ({"tls": True, "sasl_password": WRONG}, "AVENUE_KAFKA__SASL_PASSWORD"),
    "another mechanism": ({"sasl_mechanism": "SCRAM-SHA-512"}, "does not take the sign-in SCRAM-SHA-512"),
}


@pytest.fixture(autouse=True)
def _sockets_are_collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def secured(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """Return a broker that asks who comes, with the road's topics."""
    folder = tmp_path_factory.mktemp("secured")
    broker = SecuredBroker(folder / "kafka", make_authority(folder / "authority"), heap_mb=TEST_HEAP_MB)
    broker.prepare()
    broker.start()
    try:
        broker.wait_ready(60)
        broker.add_scram_user()
        ensure_topics_and_epoch(Settings(kafka=broker.settings()))
        yield broker
    finally:
        broker.kill()


@pytest.mark.parametrize(
    "how", [{}, {"sasl_mechanism": SCRAM}, {"tls": True}, {"tls": True, "sasl_mechanism": SCRAM}], ids=str
)
def test_who_signs_in_reads_and_writes(secured: SecuredBroker, unique_name: str, how: Case) -> None:
    settings = signed_in(secured, how)

    producer = make_producer(settings, client_id="tests")
    producer.send(Topic.REJECTS, unique_name.encode(), partition=0).get(timeout=20)
    producer.close()
    ensure_topics_and_epoch(Settings(kafka=settings))

    consumer = make_consumer(settings, client_id="tests", group_id=unique_name)
    consumer.subscribe([str(Topic.REJECTS)])
    found: list[bytes] = []

    def read() -> bool:
        found.extend(record.value for records in consumer.poll(timeout_ms=500).values() for record in records)
        return unique_name.encode() in found

    wait_until(read, ROLE_S, lambda: f"{len(found)} records read, and not that one")
    consumer.close(autocommit=False)


@pytest.mark.parametrize("make", [make_admin, make_consumer, make_producer])
@pytest.mark.parametrize("case", REFUSED)
def test_what_was_refused_is_said_at_once(secured: SecuredBroker, make: object, case: str) -> None:
    how, told = REFUSED[case]
    assert callable(make)
    began = time.monotonic()

    with pytest.raises(RefusedError) as caught:
        make(signed_in(secured, how), client_id="tests")

    assert told in str(caught.value)
    assert WRONG not in str(caught.value)
    assert time.monotonic() - began < SOON_S


def test_a_certificate_of_another_authority_is_named(secured: SecuredBroker, tmp_path: Path) -> None:
    other = make_authority(tmp_path / "other").cafile

    with pytest.raises(RefusedError, match="AVENUE_KAFKA__SSL_CAFILE"):
        make_admin(secured.signed_in(tls=True, ssl_cafile=other))
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem, which cannot be read"):
        make_admin(secured.signed_in(tls=True, ssl_cafile=tmp_path / "nowhere.pem"))


def test_a_listener_of_another_protocol_is_named(secured: SecuredBroker) -> None:
    short: Case = {"request_timeout_s": 0.5}

    with pytest.raises(RefusedError, match="expects another way to sign in"):
        make_admin(secured.signed_in(bootstrap=secured.bootstrap))
    with pytest.raises(UnavailableError, match="AVENUE_KAFKA__SECURITY_PROTOCOL"):
        make_admin(signed_in(secured, {"security_protocol": "PLAINTEXT", "sasl_mechanism": None} | short))
    with pytest.raises(UnavailableError, match="does not speak TLS there"):
        make_admin(signed_in(secured, {"tls": True, "bootstrap": f"127.0.0.1:{secured.sasl_port}"} | short))


def test_who_has_no_rights_is_told_so_at_the_start_and_by_who_follows_a_topic(secured: SecuredBroker) -> None:
    settings = Settings(kafka=secured.signed_in(sasl_username=STRANGER))

    with pytest.raises(RefusedError, match=f"does not allow the user {STRANGER}"):
        ensure_topics_and_epoch(settings)
    began = time.monotonic()
    with pytest.raises(RefusedError, match=r"registry\.v1 cannot be read.*does not allow the user"):
        RegistryFollower(settings).start(ROLE_S)
    assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize("role", ["gateway", "worker", "sink", "reports"])
def test_every_role_ends_with_what_was_refused(secured: SecuredBroker, tmp_path: Path, role: str) -> None:
    done = started(role, secured.signed_in(sasl_password=WRONG), tmp_path)

    assert done.returncode == 1, done.stderr
    assert f"refuses the sign-in of the user {USER} by PLAIN" in done.stderr
    assert "Traceback" not in done.stderr
    assert WRONG not in done.stdout + done.stderr


@pytest.mark.stack
def test_the_whole_road_goes_over_tls_with_a_sign_in(secured: SecuredBroker, make_stack: MakeStack) -> None:
    settings = secured.signed_in(tls=True, sasl_mechanism=SCRAM)
    stack = make_stack(started=False, **environ_of(settings))
    stack.start()
    headers = {"authorization": f"Bearer {stack.pushing_key(BATCH_ACCOUNT)}"}
    event = {
        "event_id": "over-tls",
        "kind": "interaction",
        "occurred_at": datetime.now(UTC).isoformat(),
        "product_id": "neuro-band",
    }

    told = httpx.post(f"{stack.url}/v1/events", json=[event], headers=headers, trust_env=False, timeout=30).json()

    assert told["accepted"] == 1
    seen = "SELECT count() FROM events WHERE event_id = 'over-tls'"
    wait_until(lambda: stack.number(seen) == 1, ROLE_S, "the event is not seen")
    assert sorted(stack.children()) == ["server", "worker"]
    done = stack.command("doctor")
    assert done.returncode == 0, done.stdout


def started(role: str, kafka: KafkaSettings, home: Path) -> "subprocess.CompletedProcess[str]":
    """Start *role* as a supervisor would and return how it ended by itself."""
    mine = environ_of(kafka) | {
        "AVENUE_HOME": str(home),
        "AVENUE_HTTP__PORT": str(free_port()),
        "AVENUE_HTTP__OPS_PORT": str(free_port()),
    }
    return subprocess.run(
        [*AVENUE, role], capture_output=True, text=True, timeout=ROLE_S, check=False, env=dict(os.environ) | mine
    )


def environ_of(kafka: KafkaSettings) -> dict[str, str]:
    """Return the environment that says *kafka*."""
    assert kafka.sasl_password is not None
    found = {
        "BOOTSTRAP": kafka.bootstrap,
        "SECURITY_PROTOCOL": kafka.security_protocol,
        "SASL_MECHANISM": kafka.sasl_mechanism,
        "SASL_USERNAME": kafka.sasl_username,
        "SASL_PASSWORD": kafka.sasl_password.get_secret_value(),
        "SSL_CAFILE": kafka.ssl_cafile,
    }
    return {f"AVENUE_KAFKA__{name}": str(value) for name, value in found.items() if value}


def signed_in(secured: SecuredBroker, how: Case) -> KafkaSettings:
    """Return the settings of *how*."""
    changes = {name: value for name, value in how.items() if name != "tls"}
    return secured.signed_in(tls=bool(how.get("tls")), **changes)
