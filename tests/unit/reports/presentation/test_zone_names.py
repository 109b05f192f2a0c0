"""A placement's zone is named in the reader's language: on pages and map, in reports, on the shop's sheet."""

from dataclasses import replace
from typing import Any

import pytest

from registry.rota import draw_rota
from reports.dashboard.avenue_page import AvenuePage
from reports.presentation.language import Language, translator
from reports.presentation.names import placement_name
from reports.queries.model import AvenueMap, Interval, MapPlace
from reports.rota_sheet.sheet import rota_sheet
from tests.support.readout_harness import TRIAL, side_by_side, street

NAMES = [("en", "café", "b0-baseline-1000 (café)"), ("zh", "咖啡馆", "b0-baseline-1000（咖啡馆）")]
PLACEMENT = "b0-baseline-1000"


def known(**zone: str) -> Any:
    found = street(side_by_side(2, 60), rota={"seed": "s", "block": "week"})
    registry = found.registry
    assert registry is not None
    placements = [p.model_copy(update=zone) for p in registry.placements]
    return replace(found, registry=registry.model_copy(update={"placements": placements}))


@pytest.mark.parametrize(("language", "zone", "name"), NAMES)
def test_a_zone_with_two_names_has_the_readers(language: Language, zone: str, name: str) -> None:
    words, street_known = translator(language), known(zone="café", zone_zh="咖啡馆")
    place = MapPlace(10, "north", "café", "reporting", place_id="b0", placement_id=PLACEMENT, zone_zh="咖啡馆")
    trial = street_known.trials[TRIAL]

    (row,) = AvenuePage(AvenueMap(200, (place,), Interval(0, 1)), street_known, words).values()["rows"]
    sheet = rota_sheet(street_known.registry, trial, draw_rota(trial, ["b0", "p0"]), language, ["b0"])

    assert placement_name(PLACEMENT, street_known, words) == name
    assert zone in row["name"]
    assert sheet.columns == (f"b0 · {zone} · 10 m",)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_zone_with_one_name_has_it_in_both(language: Language) -> None:
    assert "café" in placement_name(PLACEMENT, known(zone="café"), translator(language))
    assert placement_name(PLACEMENT, known(), translator(language)) == PLACEMENT
