"""The probe of a container says what its role says."""

import pytest

from runtime import probe
from runtime.health import Health
from runtime.ops_server import OpsServer


@pytest.mark.parametrize(("trouble", "code", "words"), [(None, 0, "ready"), ("no broker answers", 1, "no broker")])
def test_it_ends_with_the_roles_readiness(
    trouble: str | None, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    health = Health()
    health.set("kafka", trouble)
    server = OpsServer(health, {"sink"}, host="127.0.0.1", port=0)
    server.start()
    monkeypatch.setenv("AVENUE_HTTP__OPS_HOST", "0.0.0.0")
    monkeypatch.setenv("AVENUE_HTTP__OPS_PORT", str(server.port))

    assert probe.main() == code
    assert words in capsys.readouterr().out
    server.stop()


def test_a_role_that_does_not_answer_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVENUE_HTTP__OPS_PORT", "1")

    assert probe.main() == 1
    assert "no answer on the ops port 1" in capsys.readouterr().out
