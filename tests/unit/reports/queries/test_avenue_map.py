"""The street as another startup sees it: where something stands, and nothing of how many report it."""

from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from reports.queries.avenue_map import avenue_map
from reports.queries.model import MapPlace
from reports.scope import Reader
from tests.support.reports_harness import NOW, directory

if TYPE_CHECKING:
    from reports.queries.context import QueryContext

LIMBUS = Reader("k-1", "startup:limbus", "limbus")


def street(metres: dict[str, float], zones: dict[str, str], reader: Reader = LIMBUS) -> list[MapPlace]:
    """Return the map where placements stand at *metres* and nothing has happened."""
    known = directory().registry
    assert known is not None
    moved = [
        p.model_copy(update={"metre": metres.get(p.id, p.metre), "zone": zones.get(p.id, p.zone)})
        for p in known.placements
    ]
    found = directory(placements=[p.model_dump(by_alias=True) for p in moved])
    silent: Any = SimpleNamespace(
        directory=found,
        now_ms=NOW,
        memo={},
        rows=lambda *_, **__: [],
        span=lambda trial_id: found.trial_spans[trial_id],
    )
    return list(avenue_map(cast("QueryContext", silent), reader).places)


def test_another_startups_spot_is_one_mark_however_many_accounts_report_it() -> None:
    together = street({"p-2": 17, "p-3": 17}, {"p-1": "door", "p-2": "window", "p-3": "counter"})
    apart = street({"p-2": 17, "p-3": 18}, {})

    assert [(place.metre, place.state) for place in together] == [(17.0, "occupied"), (40.0, "silent")]
    assert [(place.metre, place.state) for place in apart][:2] == [(17.0, "occupied"), (18.0, "occupied")]
    shown = {name: value for name, value in asdict(together[0]).items() if value}
    assert shown == {"metre": 17.0, "side": "north", "state": "occupied"}


def test_a_startup_sees_each_of_its_own_placements_at_a_spot() -> None:
    calmwave = Reader("k-0", "startup:calmwave", "calmwave")

    assert [p.placement_id for p in street({"p-2": 17, "p-3": 17}, {}, calmwave)] == ["p-1", "p-2", "p-3", ""]
