"""How people use what stands on the avenue: when they come, who comes back, how it goes in each arm."""

import hashlib
import math
import random
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from avenue.simulator.messages.base import CHINA
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

# Visitors by hour of the day: coffee in the morning, lunch, the evening walk.
HOURS = (1, 1, 0, 0, 0, 1, 3, 10, 24, 26, 22, 30, 46, 40, 30, 28, 30, 38, 48, 54, 46, 30, 14, 4)
# Monday to Sunday.
WEEKDAYS = (0.8, 0.8, 0.85, 0.9, 1.1, 1.4, 1.3)
_CHINA_MS = 8 * HOUR_MS
_TRIES = 24
# A share of what happens between people is theirs alone: the rest come once.
_REGULARS = 0.35
BASELINE_ARM = "baseline"
LIFT = 0.20
"""How much more often use succeeds in any other arm than the baseline."""
_PLACES_DIFFER = 0.06
_DAYS_DIFFER = 0.03


def busy(at_ms: int) -> float:
    """Return how busy the avenue is at *at_ms*, in 0…1."""
    hour = (at_ms + _CHINA_MS) // HOUR_MS % 24
    weekday = datetime.fromtimestamp(at_ms // 1000, CHINA).weekday()
    return HOURS[hour] / max(HOURS) * WEEKDAYS[weekday] / max(WEEKDAYS)


def rhythmic_time(rng: random.Random, first_ms: int, last_ms: int) -> int:
    """Return a time in [*first_ms*, *last_ms*] as visitors are spread over days and hours."""
    if last_ms - first_ms < HOUR_MS:
        return rng.randint(first_ms, max(first_ms, last_ms))
    at_ms = last_ms
    for _ in range(_TRIES):
        at_ms = rng.randint(first_ms, last_ms)
        if rng.random() < busy(at_ms):
            break
    return at_ms


def late_age_ms(rng: random.Random) -> int:
    """Return how old a late event is: a device that was offline for minutes to two days; most for less than hours."""
    return int(math.exp(rng.uniform(math.log(5 * MINUTE_MS), math.log(2 * DAY_MS))))


def _fraction(*parts: str) -> float:
    digest = hashlib.blake2b("/".join(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


@dataclass(frozen=True, slots=True)
class UsageProfile:
    """How use goes at one placement: of its product, its arm, and a little of the placement itself."""

    success: float
    abandon: float
    """Share of what does not succeed."""
    duration_ms: float
    """Median."""
    order: float
    rating: float
    price_fen: int


@lru_cache(maxsize=4096)
def usage_profile(product_id: str, arm: str, place_id: str, day_ms: int = 0) -> UsageProfile:
    """Return how use goes at a place on the street's day that begins at *day_ms*: the same in every run.

    Places differ as shops do, and the whole street has better and worse days; what the product adds is the same
    everywhere, `LIFT`, so that it can be found again.
    """
    is_baseline = arm == BASELINE_ARM
    base = 0.66 + 0.04 * _fraction(product_id, "success")
    local = _PLACES_DIFFER * (2 * _fraction(place_id, "spot") - 1)
    daily = _DAYS_DIFFER * (2 * _fraction(str(day_ms), "weather") - 1)
    length = 20_000 + 60_000 * _fraction(product_id, "length")
    return UsageProfile(
        success=base + local + daily + (0.0 if is_baseline else LIFT),
        abandon=0.6,
        duration_ms=length * (1.0 if is_baseline else 0.85),
        order=0.20 if is_baseline else 0.24,
        rating=3.7 if is_baseline else 4.2,
        price_fen=100 * (15 + int(20 * _fraction(product_id, "price"))),
    )


def duration_ms(rng: random.Random, profile: UsageProfile) -> int:
    """Return how long one use takes: log-normal about the profile's median, at most an hour."""
    return min(HOUR_MS, max(800, int(rng.lognormvariate(math.log(profile.duration_ms), 0.45))))


def stars(rng: random.Random, profile: UsageProfile) -> int:
    """Return a rating of 1 to 5."""
    return min(5, max(1, round(rng.gauss(profile.rating, 0.9))))


def visitor(rng: random.Random, name: str) -> str:
    """Return a subject: a third are regulars, of whom some come far more often; *name* is for a new one."""
    if rng.random() < _REGULARS:
        return f"regular-{int(rng.expovariate(1 / 40)):04d}"
    return f"visitor-{name}"


def price(rng: random.Random, profile: UsageProfile) -> int:
    """Return what one order costs, in fen."""
    return max(100, profile.price_fen + rng.choice((-300, -100, 0, 0, 0, 200, 500, 990)))
