"""A broker's folder can be formatted whatever its random id begins with."""

import uuid
from pathlib import Path

import pytest

from avenue.embedded.broker import Broker

pytestmark = pytest.mark.kafka


def test_an_id_that_begins_with_a_dash_is_no_option(
    kafka_jars: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avenue.embedded.broker.uuid.uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    broker = Broker(tmp_path / "kafka")

    broker.prepare()

    assert "cluster.id=-_v7" in (tmp_path / "kafka" / "data" / "meta.properties").read_text()
