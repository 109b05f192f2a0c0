"""`docs/registry.md` tells of every field, flow and key, and its example is a sound file."""

import re

import pytest

from registry.file import check_registry
from schemas.registry import (
    FLOWS,
    MATCH_KEYS,
    Account,
    Avenue,
    NotificationChannel,
    Placement,
    Product,
    RegistryEntry,
    Startup,
    TimelineNote,
    Trial,
)
from tests.support.paths import DOCS

PAGE = (DOCS / "registry.md").read_text()


def test_the_example_is_sound_also_in_production() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)

    assert len(examples) == 2
    assert check_registry("\n".join(examples).encode(), production=True).problems == ()


@pytest.mark.parametrize(
    "model", [Avenue, Startup, Product, Trial, Account, Placement, NotificationChannel, TimelineNote]
)
def test_every_field_is_told_of(model: type[RegistryEntry]) -> None:
    names = {info.alias or name for name, info in model.model_fields.items()}

    assert {name for name in names if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize("platform", FLOWS)
def test_every_flow_and_match_key_is_told_of(platform: str) -> None:
    (row,) = re.findall(rf"^\| `{platform}` \|.*$", PAGE, re.MULTILINE)

    assert {name for name in FLOWS[platform] + MATCH_KEYS[platform] if f"`{name}`" not in row} == set()
