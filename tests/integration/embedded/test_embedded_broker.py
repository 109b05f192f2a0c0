"""The embedded broker on a real folder: started, stopped, killed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avenue.embedded.broker import Broker
from runtime.kafka import make_admin, make_consumer, make_producer
from runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka


def test_what_was_acknowledged_is_there_after_a_kill_and_the_folder_is_formatted_once(private_broker: Broker) -> None:
    meta = (private_broker.folder / "data" / "meta.properties").read_text()
    _write(private_broker, [b"one", b"two"])
    private_broker.kill()

    private_broker.prepare()
    private_broker.start()
    private_broker.wait_ready(60)

    assert _read(private_broker, 2) == [b"one", b"two"]
    assert (private_broker.folder / "data" / "meta.properties").read_text() == meta


def _write(broker: Broker, values: list[bytes]) -> None:
    from kafka.admin import NewTopic

    admin = make_admin(broker.settings())
    admin.create_topics([NewTopic("kept", 1, 1)])
    admin.close()
    producer = make_producer(broker.settings(), client_id="test")
    for value in values:
        producer.send("kept", value).get(timeout=10)
    producer.close()


def _read(broker: Broker, count: int) -> list[bytes]:
    consumer = make_consumer(broker.settings(), client_id="test")
    consumer.subscribe(["kept"])
    found: list[bytes] = []
    for _ in range(50):
        for records in consumer.poll(timeout_ms=200).values():
            found += [record.value for record in records]
        if len(found) >= count:
            break
    consumer.close()
    return found


def test_a_home_may_have_any_name_and_gets_the_logs(
    start_broker: Callable[[Path], Broker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    home = tmp_path / "数据 $home 💡"

    broker = start_broker(home)
    broker.stop()

    assert (home / "kafka" / "data" / "meta.properties").exists()
    assert "Kafka Server started" in (home / "logs" / "kafka.log").read_text()
    assert [path.name for path in tmp_path.iterdir()] == [home.name]


def test_asking_for_an_unknown_topic_does_not_make_it(
    kafka_settings: KafkaSettings, unique_name: str, unique_topic: str
) -> None:
    consumer = make_consumer(kafka_settings, client_id="test")
    consumer.subscribe([unique_name])
    consumer.poll(timeout_ms=500)
    consumer.close()

    admin = make_admin(kafka_settings)
    names = admin.list_topics()
    admin.close()

    assert unique_topic in names
    assert unique_name not in names
