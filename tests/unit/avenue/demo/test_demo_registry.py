"""The demo's registry is a sound one, whenever it is made, and leaves no platform's key out."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avenue.demo.registry import demo_registry, write_demo_registry
from registry.file import check_registry, load_registry
from registry.rota import draw_rota, rota_differences, rota_places
from schemas.event import PLATFORMS
from schemas.registry import FLOWS, MATCH_KEYS, Registry
from tests.support.properties import examples


def demo(today: date) -> Registry:
    checked = check_registry(demo_registry(today).encode())
    assert checked.problems == ()
    assert checked.registry is not None
    return checked.registry


@examples(40)
@given(st.dates(date(2020, 3, 1), date(2090, 1, 1)))
def test_it_is_sound_and_running_on_any_day(today: date) -> None:
    registry = demo(today)
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)

    assert all(trial.starts < noon < trial.ends for trial in registry.trials)
    assert all(placement.from_ < noon < placement.until for placement in registry.placements)


@pytest.mark.parametrize(("days", "baseline_days"), [(42, 7), (3, 1), (2, 0), (0, 0)])
def test_what_is_told_of_begins_as_long_ago_as_there_are_data_and_no_later(days: int, baseline_days: int) -> None:
    today = date(2026, 11, 22)
    checked = check_registry(demo_registry(today, began_days_ago=days).encode())
    assert checked.registry is not None
    banded, _ = checked.registry.trials
    began = datetime(2026, 11, 22, tzinfo=ZoneInfo("Asia/Shanghai")) - timedelta(days=days)

    assert (banded.baseline_from or banded.starts) == began
    assert (banded.starts - began).days == baseline_days
    assert min(placement.from_ for placement in checked.registry.placements) == began


def test_every_platform_has_an_account_and_every_match_key_a_placement() -> None:
    registry = demo(date(2026, 11, 22))
    platforms = {account.id: account.platform for account in registry.accounts}
    keys = {(platforms[p.account or ""], key) for p in registry.placements for key in p.match}

    assert set(platforms.values()) == set(PLATFORMS)
    assert keys == {(platform, key) for platform, names in MATCH_KEYS.items() for key in names}


def test_every_zone_is_named_in_both_languages() -> None:
    zones = {(p.zone_name.en, p.zone_name.zh) for p in demo(date(2026, 11, 22)).placements}

    assert ("café", "咖啡馆") in zones
    assert len(zones) == 8
    assert not any(zh.isascii() or not en for en, zh in zones)


def test_one_trial_can_speak_its_places_change_arm_as_was_drawn() -> None:
    registry = demo(date(2026, 11, 22))
    trial = registry.trials[0]
    drawn = draw_rota(trial, rota_places(registry, trial))

    assert trial.baseline_from is not None
    assert len(drawn.arms) == 12
    assert rota_differences(registry, trial, drawn) == ()
    assert all({"baseline", "pilot"} == set(arms) for arms in drawn.arms.values())


def test_the_other_cannot_it_has_one_place_an_arm() -> None:
    registry = demo(date(2026, 11, 22))
    places = {(p.arm, p.place_id) for p in registry.placements if p.trial == "emg-arm-demo"}

    assert sorted(arm for arm, _ in places) == ["baseline", "pilot"]
    assert not any(p.arm_days for p in registry.placements if p.trial == "emg-arm-demo")


def test_with_a_trade_key_every_flow_can_be_pushed(tmp_path: Path) -> None:
    private = write_demo_registry(tmp_path / "demo.toml", today=date(2026, 11, 22))
    registry = load_registry(tmp_path / "demo.toml")
    flows = {(a.platform, flow) for a in registry.accounts for flow in a.secrets}

    assert private.stat().st_mode & 0o077 == 0
    assert flows >= {(p, flow) for p, names in FLOWS.items() for flow in names if flow != "push"}


def test_written_again_it_keeps_its_key_pair(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    first = write_demo_registry(path, today=date(2026, 11, 22)).read_bytes()
    assert write_demo_registry(path, today=date(2026, 11, 23)).read_bytes() == first


def test_its_secrets_are_allowed_because_it_says_demo() -> None:
    text = demo_registry(date(2026, 11, 22))
    assert tomllib.loads(text)["demo"] is True
    assert check_registry(text.encode(), production=True).registry is None


@pytest.mark.parametrize("url", ["https://gw.example.org", "http://127.0.0.1:9480"])
def test_the_address_in_the_platforms_consoles_can_be_told(url: str) -> None:
    accounts = tomllib.loads(demo_registry(date(2026, 11, 22), public_url=url))["accounts"]
    assert {account["public_url"] for account in accounts if "public_url" in account} == {url}
