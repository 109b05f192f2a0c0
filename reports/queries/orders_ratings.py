"""Orders, money and ratings of a trial by platform and arm, exactly, from stored events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.queries import refunds
from reports.queries.context import QueryContext
from reports.queries.model import By, Interval
from reports.queries.weeks import weekly_rows

STARS = 5


@dataclass(frozen=True, slots=True)
class OrderSums:
    """What came of one platform in one arm, or of several together."""

    events: int = 0
    orders: int = 0
    refunds: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    stars: tuple[int, ...] = (0,) * STARS
    """How many ratings of 1, 2, 3, 4 and 5."""

    @property
    def money_known(self) -> bool:
        """Whether an order or a refund came: else nobody knows whether there was none, or nobody tells."""
        return bool(self.orders or self.refunds)

    @property
    def revenue_fen(self) -> int:
        """Paid less refunded; of a whole trial a number only where money is known."""
        return self.paid_fen - self.refunded_fen

    @property
    def per_order_fen(self) -> float | None:
        """Revenue by paid order."""
        return self.revenue_fen / self.orders if self.orders else None

    @property
    def ratings(self) -> int:
        """How many ratings there are."""
        return sum(self.stars)

    @property
    def rating_mean(self) -> float | None:
        """The mean of all ratings."""
        total = sum(star * n for star, n in enumerate(self.stars, start=1))
        return total / self.ratings if self.ratings else None


@dataclass(frozen=True, slots=True)
class OrdersAndRatings:
    """The sums by platform and arm, '' where events name no arm."""

    sums: Mapping[tuple[str, str], OrderSums]
    without_refunds: tuple[str, ...]
    """Platforms whose refunds are not reported."""

    def of(self, *, platform: str | None = None, arm: str | None = None) -> OrderSums:
        """Return the sums of *platform* and *arm*; None: of all."""
        return added(
            found
            for (its_platform, its_arm), found in self.sums.items()
            if platform in {None, its_platform} and arm in {None, its_arm}
        )

    def refund_rate(self, sums: OrderSums, by: By) -> float | None:
        """Return refunds by order of *sums*, which are about *by*, as the metric of that name has it."""
        if not sums.orders:
            return None
        rate = refunds.known(sums.refunds / sums.orders, by, self.without_refunds)
        return None if rate is None else float(rate)


def added(parts: Iterable[OrderSums]) -> OrderSums:
    """Return what *parts* come to together."""
    found = list(parts)
    return OrderSums(
        events=sum(part.events for part in found),
        orders=sum(part.orders for part in found),
        refunds=sum(part.refunds for part in found),
        paid_fen=sum(part.paid_fen for part in found),
        refunded_fen=sum(part.refunded_fen for part in found),
        stars=tuple(sum(part.stars[at] for part in found) for at in range(STARS)),
    )


def orders_and_ratings(context: QueryContext, trial_id: str, interval: Interval) -> OrdersAndRatings:
    """Return orders, money and ratings of *interval*."""
    found: dict[tuple[str, str], OrderSums] = {}
    for rows in weekly_rows(context, trial_id, interval, "weekly_orders").values():
        for platform, arm, *numbers in rows:
            events, orders, refunded, paid_fen, refunded_fen, *stars = map(int, numbers)
            came = OrderSums(events, orders, refunded, paid_fen, refunded_fen, tuple(stars))
            key = str(platform), str(arm)
            found[key] = added([found.get(key, OrderSums()), came])
    return OrdersAndRatings(sums=dict(sorted(found.items())), without_refunds=refunds.unreported(context, trial_id))
