"""The street as a strip: where each placement stands and what it reports, laid out so that no label covers another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.directory import Directory
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, platform_name
from reports.queries.model import AvenueMap, MapPlace

LEFT = 24
METRE_PX = 5.6
KERB = 22
FIRST_LANE = 30
LANE = 30
# A label is about as wide as its text; Chinese characters are twice as wide as Latin ones.
CHAR_PX = 6.6
LABEL_PX = 34
TICKS_M = 20


@dataclass(frozen=True, slots=True)
class AvenuePage:
    """The street in one language."""

    found: AvenueMap
    directory: Directory
    words: Translator

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        places = sorted(self.found.places, key=lambda place: (place.metre, place.placement_id))
        lanes = {side: self._lanes([p for p in places if p.side == side]) for side in ("north", "south")}
        depth = {side: KERB + FIRST_LANE + LANE * max([0, *found.values()]) + 16 for side, found in lanes.items()}
        street = self.found.length_m * METRE_PX
        return {
            "length": self.found.length_m,
            "since": LocaleFormatter(self.words).moment(self.found.interval.from_ms),
            "left": LEFT,
            "street": round(street, 1),
            "width": round(street + LEFT + 110),
            "top": -depth["north"],
            "height": depth["north"] + depth["south"],
            "ticks": [
                {"x": self._x(metre), "label": f"{metre} m"}
                for metre in range(TICKS_M, self.found.length_m + 1, TICKS_M)
            ],
            "places": [self._spot(place, lanes[place.side][id(place)]) for place in places],
            "rows": [self._row(place) for place in places],
            "states": list(self._states().items()),
        }

    def _states(self) -> Mapping[str, str]:
        return {
            "reporting": self.words.say("Reporting"),
            "silent": self.words.say("Silent"),
            "waiting": self.words.say("Waiting for its first event"),
            "closed": self.words.say("Closed now"),
            "occupied": self.words.say("Occupied"),
        }

    def _x(self, metre: float) -> float:
        return round(LEFT + metre * METRE_PX, 1)

    def _short(self, place: MapPlace) -> str:
        return place.placement_id or self.words.say("Occupied")

    def _lanes(self, places: list[MapPlace]) -> dict[int, int]:
        """Return the lane of each place, by identity: the nearest to the kerb where its label meets no other."""
        ends: list[float] = []
        found = {}
        for place in places:
            x = self._x(place.metre)
            lane = next((number for number, end in enumerate(ends) if end <= x), len(ends))
            ends[lane : lane + 1] = [x + LABEL_PX + _width(self._short(place))]
            found[id(place)] = lane
        return found

    def _spot(self, place: MapPlace, lane: int) -> dict[str, Any]:
        sign = -1 if place.side == "north" else 1
        row = self._row(place)
        label = self.words.say(
            "%(metre)s m, %(side)s: %(name)s, %(state)s",
            **{k: row[k] for k in ("metre", "side", "name", "state")} | {"state": row["state_name"]},
        )
        return {
            "x": self._x(place.metre),
            "y": sign * (KERB + FIRST_LANE + LANE * lane),
            "kerb": sign * KERB,
            "state": place.state,
            "short": self._short(place),
            "anchor": row["anchor"],
            "label": label,
        }

    def _row(self, place: MapPlace) -> dict[str, Any]:
        ours = place.state != "occupied"
        formats = LocaleFormatter(self.words)
        product = self.directory.products.get(place.product_id)
        zone = ((self.words.language == "zh" and place.zone_zh) or place.zone) if ours else ""
        return {
            "metre": formats.whole(place.metre),
            "side": self.words.say("North side") if place.side == "north" else self.words.say("South side"),
            "name": (
                f"{self._short(place)}（{zone}）" if self.words.language == "zh" else f"{self._short(place)} ({zone})"
            )
            if zone
            else self._short(place),
            "state": place.state,
            "state_name": self._states()[place.state],
            "trial": place.trial_id,
            "product": self.words.pick(product.name) if product else place.product_id,
            "platform": platform_name(place.platform, self.words) if ours else "",
            "arm": arm_name(place.arm, self.words) if ours else "",
            "events": formats.whole(place.events) if ours else "",
            "last": formats.moment(place.last_ms) if place.last_ms else (NOTHING if ours else ""),
            "anchor": f"place-{place.placement_id}" if ours else "",
        }


def _width(text: str) -> float:
    return sum(CHAR_PX if ord(char) < 0x2E80 else 2 * CHAR_PX for char in text)
