"""Orders, money and ratings on a trial's page. What nobody tells is a dash with a word, and no nought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.metrics import METRICS
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.labels import BETWEEN_NAMES
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, platform_name
from reports.queries.model import By, Number
from reports.queries.orders_ratings import STARS, OrdersAndRatings, OrderSums
from schemas.registry import MetricId, Trial

BAR_WIDTH = 200
_METRICS: tuple[MetricId, ...] = ("orders", "revenue_fen", "refund_rate")


def arms_seen(found: OrdersAndRatings, trial: Trial) -> list[str]:
    """Return the trial's arms, and after them '' or others that events were of."""
    seen = {arm for _, arm in found.sums}
    return [*trial.arms, *sorted(seen - set(trial.arms), reverse=True)]


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """A trial's orders and money in one language."""

    found: OrdersAndRatings
    trial: Trial
    words: Translator

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs: blocks of rows, none where no order and no refund ever came."""
        found = self.found
        if not found.of().money_known:
            return {"blocks": [], "without_refunds": "", "names": {}}
        arms, platforms = arms_seen(found, self.trial), sorted({platform for platform, _ in found.sums})
        blocks = [
            (self.words.say("Arm"), [self._row(arm_name(arm, self.words), {"arm": arm}) for arm in arms]),
            (
                self.words.say("Platform"),
                [self._row(platform_name(name, self.words), {"platform": name}) for name in platforms],
            ),
            (self.words.say("All"), [self._row(self.words.say("All"), {})]),
        ]
        return {
            "blocks": blocks,
            "without_refunds": self._without_refunds(platforms),
            "names": {metric: self.words.pick(METRICS[metric].name) for metric in _METRICS},
        }

    def _without_refunds(self, platforms: list[str]) -> str:
        silent = [name for name in self.found.without_refunds if name in platforms]
        if not silent:
            return ""
        names = self.words.say(BETWEEN_NAMES).join(platform_name(name, self.words) for name in silent)
        return self.words.say(
            "Refunds of %(platforms)s are not reported: what was paid there may be more than what was kept.",
            platforms=names,
        )

    def _row(self, name: str, by: By) -> dict[str, Any]:
        sums = self.found.of(platform=by.get("platform"), arm=by.get("arm"))
        rate = self.found.refund_rate(sums, by)
        return {
            "name": name,
            "orders": self._orders(sums, by),
            "paid": self._money(sums.paid_fen),
            "refunded": self._refunded(sums, rate),
            "revenue": self._money(sums.revenue_fen),
            "refund_rate": {
                "value": NOTHING if rate is None else self._formats.percent(rate),
                "word": self.words.say("not reported") if sums.orders and rate is None else "",
            },
            "per_order": self._money(sums.per_order_fen),
        }

    def _orders(self, sums: OrderSums, by: By) -> dict[str, str]:
        return {
            "value": self._formats.whole(sums.orders),
            "word": "" if sums.money_known or "arm" in by else self.words.say("none reported"),
        }

    def _money(self, fen: Number | None) -> dict[str, str]:
        return {"value": NOTHING if fen is None else self._formats.money(fen), "word": ""}

    def _refunded(self, sums: OrderSums, rate: float | None) -> dict[str, str]:
        if sums.orders and rate is None:
            return {"value": NOTHING, "word": ""}
        return self._money(sums.refunded_fen)


@dataclass(frozen=True, slots=True)
class RatingsPage:
    """A trial's ratings in one language."""

    found: OrdersAndRatings
    trial: Trial
    words: Translator

    def values(self) -> list[dict[str, Any]]:
        """Return a figure for each arm that was to be rated; none where no rating came at all."""
        if not self.found.of().ratings:
            return []
        by_arm = {arm: self.found.of(arm=arm) for arm in arms_seen(self.found, self.trial)}
        shown = {arm: sums for arm, sums in by_arm.items() if sums.ratings or arm in self.trial.arms}
        return [self._figure(arm, sums, shown) for arm, sums in shown.items()]

    def _figure(self, arm: str, sums: OrderSums, shown: Mapping[str, OrderSums]) -> dict[str, Any]:
        formats = LocaleFormatter(self.words)
        most = max(n / other.ratings for other in shown.values() for n in other.stars if other.ratings)
        return {
            "name": arm_name(arm, self.words),
            "mean": NOTHING if sums.rating_mean is None else formats.decimal(sums.rating_mean, 2),
            "n": formats.whole(sums.ratings),
            "word": "" if sums.ratings else self.words.say("no rating came"),
            "rows": [
                {
                    "name": self.words.count("%(n)s star", "%(n)s stars", star, n=star),
                    "n": formats.whole(sums.stars[star - 1]),
                    "share": formats.percent(sums.stars[star - 1] / sums.ratings) if sums.ratings else "",
                    "width": round(sums.stars[star - 1] / sums.ratings / most * BAR_WIDTH, 1) if sums.ratings else 0,
                }
                for star in range(STARS, 0, -1)
            ],
        }
