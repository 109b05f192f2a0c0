"""The compose file is of the compose format and holds what a place may rely on: pins, loopback, health, no secret."""

import json
import re
import tomllib
from typing import Any

import msgspec
import pytest
from compose_spec import PyCompose

from runtime.clickhouse import ClickHouse
from runtime.settings import Settings, load_settings
from streams.app import HANG_S
from tests.support.paths import ROOT
from tests.support.prometheus_files import read_yaml

TEXT = (ROOT / "docker-compose.yml").read_text()
ROLES = ("gateway", "worker", "sink", "reports")
# Of these, two end by themselves.
PASSING = ("registry", "operator")
OURS = (*ROLES, *PASSING)
# What a place gives: everything in .env.example that has no value there.
GIVEN = {
    "CLICKHOUSE_WRITER_PASSWORD": "w0",
    "CLICKHOUSE_READER_PASSWORD": "r0",
    "GRAFANA_ADMIN_PASSWORD": "g0",
    "MASTER_KEY_FILE": "./master.key",
    "REGISTRY_FILE": "./registry.toml",
    "PARTNER_SECRETS_DIR": "./partners",
    "CHANNEL_SECRETS_DIR": "./channels",
    "PUBLIC_URL": "https://avenue.example.com",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)


def composed() -> dict[str, Any]:
    """Return the file as Compose sees it: variables filled in, merges made."""

    def filled(match: re.Match[str]) -> str:
        return GIVEN.get(match[1]) or (match[3] if match[2] == "-" else "")

    tree: dict[str, Any] = msgspec.yaml.decode(_VARIABLE.sub(filled, TEXT))
    return {name: part for name, part in tree.items() if not name.startswith("x-")}


SERVICES: dict[str, dict[str, Any]] = composed()["services"]
each_service = pytest.mark.parametrize(("name", "service"), SERVICES.items(), ids=list(SERVICES))


def test_it_is_of_the_compose_format() -> None:
    parsed = PyCompose.from_json(json.dumps(composed()))

    assert set(parsed.service_names()) == set(SERVICES)
    parsed.to_spec()


def test_every_role_and_every_part_that_it_stands_on_is_there() -> None:
    assert set(SERVICES) == {
        *ROLES,
        *("kafka", "clickhouse", "registry", "operator"),
        *("prometheus", "alertmanager", "grafana"),
    }
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@each_service
def test_an_image_is_pinned_by_a_tag(name: str, service: dict[str, Any]) -> None:
    tag = service["image"].rpartition(":")[2]

    assert ":" in service["image"], name
    assert tag == "local" if name in OURS else re.match(r"v?\d+\.\d+", tag)


def test_a_port_is_open_to_this_machine_only() -> None:
    ports = [str(port) for service in SERVICES.values() for port in service.get("ports", ())]

    assert len(ports) >= 5
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert [name for name, service in SERVICES.items() if "network_mode" in service] == []


def test_no_two_services_want_one_port() -> None:
    taken = [str(port).rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", ())]

    assert len(taken) == len(set(taken))


@each_service
def test_a_service_has_a_health_check_or_a_reason_for_none(name: str, service: dict[str, Any]) -> None:
    health = service.get("healthcheck", {})

    if health.get("disable"):
        assert service["labels"]["avenue.no-healthcheck"]
    else:
        assert health["test"][0] == "CMD"
        assert {"interval", "timeout", "retries", "start_period"} <= set(health)


@each_service
def test_a_service_is_limited_and_its_log_too(name: str, service: dict[str, Any]) -> None:
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] in ({"no"} if name in PASSING else {"unless-stopped"})


def test_nothing_secret_stands_in_it_and_nothing_secret_has_a_default() -> None:
    unfilled = msgspec.yaml.decode(TEXT)["services"].values()
    pairs = [pair for service in unfilled for pair in service.get("environment", {}).items()]
    secret = {name: value for name, value in pairs if _SECRET.search(name) or "@clickhouse" in value}
    assert len(secret) >= 5
    for name, value in secret.items():
        assert _VARIABLE.search(value) or value.startswith("/run/secrets/"), name
    required = {match[1] for match in _VARIABLE.finditer(TEXT) if match[2] == "?"}
    assert required == set(GIVEN)
    assert {match[1] for match in _VARIABLE.finditer(TEXT)} - required == {"IMAGE_TAG"}


def test_the_example_names_each_variable_that_is_required_and_gives_none_of_them() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert sorted(line for line in lines if line and not line.startswith("#")) == sorted(f"{name}=" for name in GIVEN)


@pytest.mark.parametrize("role", OURS)
def test_a_role_would_start_with_these_settings(role: str) -> None:
    """Unknown names are refused by the settings themselves."""
    settings = load_settings({**image_environment(), **SERVICES[role]["environment"], "AVENUE_CONFIG": "/dev/null"})

    assert settings.profile == "production"
    assert (settings.kafka.bootstrap, settings.kafka.partitions) == ("kafka:9092", 64)
    assert (settings.http.host, settings.http.ops_host, settings.http.ops_port) == ("0.0.0.0", "0.0.0.0", 9400)


@pytest.mark.parametrize(("role", "user"), [("sink", "avenue_writer"), ("reports", "avenue_reader")])
def test_who_reads_cannot_write(role: str, user: str) -> None:
    settings = load_settings({**SERVICES[role]["environment"], "AVENUE_CONFIG": "/dev/null"})

    assert not ClickHouse.of(settings).embedded
    assert settings.clickhouse.dsn is not None
    assert settings.clickhouse.dsn.get_secret_value().startswith(f"http://{user}:")
    assert "readonly>2<" in (ROOT / "ops" / "clickhouse" / "users.d" / "reader.xml").read_text()


@pytest.mark.parametrize(("role", "holds"), [(role, role in {"gateway", *PASSING}) for role in OURS])
def test_no_role_but_the_gateway_holds_the_master_key(role: str, holds: object) -> None:
    assert ("master_key" in SERVICES[role].get("secrets", ())) == holds
    assert ("AVENUE_MASTER_KEY_FILE" in SERVICES[role]["environment"]) == holds


@pytest.mark.parametrize("role", OURS)
def test_a_role_runs_with_no_more_rights_than_it_needs(role: str) -> None:
    service = SERVICES[role]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service, "the image's own is not root"


def test_files_that_are_mounted_exist() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    assert len(volumes) > 10
    for volume in volumes:
        source = volume.split(":")[0]
        if source.startswith("./ops/"):
            assert (ROOT / source).exists(), volume
            assert volume.endswith(":ro")
        elif not source.startswith("./"):
            assert source in composed()["volumes"], volume


def test_prometheus_asks_every_role_on_its_ops_port() -> None:
    jobs = read_yaml(ROOT / "ops" / "prometheus" / "prometheus.yml")["scrape_configs"]
    asked = {job["job_name"]: job["dns_sd_configs"][0] for job in jobs if "dns_sd_configs" in job}

    assert {name: (found["names"], found["port"]) for name, found in asked.items()} == {
        role: ([role], 9400) for role in ROLES
    }


def test_the_broker_is_the_one_that_the_tests_run_on() -> None:
    lock = tomllib.loads((ROOT / "avenue" / "embedded" / "kafka.toml").read_text())

    assert SERVICES["kafka"]["image"].rpartition(":")[2] in json.dumps(lock)
    assert int(SERVICES["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) == Settings().kafka.max_message_bytes


def test_a_container_is_given_longer_to_end_than_its_role_takes() -> None:
    takes_s = {"sink": Settings().sink.drain_s, "gateway": Settings().kafka.delivery_timeout_s, "worker": HANG_S}

    for role, seconds in takes_s.items():
        assert int(SERVICES[role]["stop_grace_period"].removesuffix("s")) > seconds


def image_environment() -> dict[str, str]:
    """Return the settings that the image itself brings."""
    text = (ROOT / "Dockerfile").read_text()
    return dict(re.findall(r"\b(AVENUE_\w+)=(\S+)", text))


def test_the_image_is_pinned_locked_and_not_roots() -> None:
    text = (ROOT / "Dockerfile").read_text()

    images = [line.split()[1] for line in text.splitlines() if line.startswith("FROM ")]
    assert all(re.fullmatch(r"(python|node):\d+\.\d+\.\d+-\w*-?slim(-bookworm)?", image) for image in images), images
    assert all("--require-hashes" in line for line in text.splitlines() if "pip install --q" in line and "-r " in line)
    assert "pip sync" in text
    assert 'ENTRYPOINT ["avenue"]' in text
    assert text.index("USER 10001:10001") < text.index("ENTRYPOINT")
    assert not re.search(r"(PASSWORD|SECRET|TOKEN)=", text)


def test_the_context_holds_the_packages_and_nothing_of_a_place() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert lines[1] == "*"
    assert {f"!{name}/" for name in packages["packages"]} <= set(lines)
    assert not [line for line in lines if line.startswith("!") and "env" in line]
