"""What the road is measured with: a registry of 40 products, bodies of events, and a sender that keeps it busy."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from schemas.event import KINDS

ACCOUNT = "bench"
PRODUCTS = 40
PEOPLE = 5_000
OPEN_VISITS = 300
NEW_VISIT_SHARE = 0.25
_SHARES = {"use.completed": 5, "interaction": 3, "exposure": 2, "order.paid": 1}
# Who withdraws consent has no more events, and the sums of a run would not close.
_EVERY_KIND = dict.fromkeys((kind for kind in KINDS if kind != "consent.withdrawn"), 1)
LATE_SHARE = 0.1
LATE_S = (3600.0, 6 * 3600.0)


def write_registry(path: Path, products: int = PRODUCTS) -> None:
    """Write a registry file: one account, *products*, each with a trial in two arms and two placements."""
    today = datetime.now(UTC).date()
    span = f"{today - timedelta(days=30)}T00:00:00Z", f"{today + timedelta(days=30)}T00:00:00Z"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_registry_lines(*span, products)) + "\n")


def _registry_lines(starts: str, ends: str, products: int) -> Iterator[str]:
    yield 'demo = true\n[avenue]\nid = "bench"\nname = { zh = "试", en = "Bench" }\nlength_m = 200\ntimezone = "Asia/Shanghai"'  # noqa: E501 - one line of a file
    yield '[[startups]]\nid = "maker"\nname = { zh = "试", en = "Maker" }'
    names = [f"product-{number:02d}" for number in range(products)]
    yield f'[[accounts]]\nid = "{ACCOUNT}"\nplatform = "sunmi"\nproducts = {json.dumps(names)}'
    for number, name in enumerate(names):
        yield f'[[products]]\nid = "{name}"\nstartup = "maker"\nname = {{ zh = "试", en = "{name}" }}'
        yield f'[[trials]]\nid = "{name}-trial"\nproduct = "{name}"\nstarts = {starts}\nends = {ends}'
        yield 'arms = ["baseline", "pilot"]\nunit = "placement-day"\nhypothesis = { zh = "快", en = "fast" }'
        yield 'primary_metric = "success_rate"\nguardrails = []'
        for arm, metre in (("baseline", 2 * number % 200), ("pilot", (2 * number + 1) % 200)):
            yield f'[[placements]]\nid = "p-{number:02d}-{arm}"\ntrial = "{name}-trial"\narm = "{arm}"'
            yield f'account = "{ACCOUNT}"\nmetre = {metre}\nside = "north"\nzone = "street"'
            yield f"from = {starts}\nuntil = {ends}"


class Visits:
    """Who is on the avenue: some hundred visits at once, each at one place; every fourth event opens a new one.

    So subjects and sessions come again as they do from people, and each session is one person's at one product.
    """

    def __init__(self, chance: random.Random, products: int) -> None:
        self._chance = chance
        self._products = products
        self._open = [self._begin() for _ in range(OPEN_VISITS)]

    def next(self) -> tuple[int, str, str, str]:
        """Return product number, arm, subject and session of the next event."""
        place = self._chance.randrange(OPEN_VISITS)
        if self._chance.random() < NEW_VISIT_SHARE:
            self._open[place] = self._begin()
        return self._open[place]

    def _begin(self) -> tuple[int, str, str, str]:
        chance = self._chance
        return (
            chance.randrange(self._products),
            chance.choice(("baseline", "pilot")),
            f"visitor-{chance.randrange(PEOPLE):032x}",
            f"session-{chance.getrandbits(64):016x}",
        )


def events(run: str, count: int, *, age_s: float = 0.0, products: int = PRODUCTS, mixed: bool = False) -> list[bytes]:
    """Return *count* events of about 380 bytes, of the last seconds or *age_s* before; *run* makes their ids unique.

    *mixed* ones are of every kind, and a tenth of them is one to six hours late.
    """
    chance = random.Random(f"visits of {run}")
    visits, newest, shares = Visits(chance, products), time.time() - age_s - 1, _EVERY_KIND if mixed else _SHARES
    found = []
    for number in range(count):
        late_s = chance.uniform(*LATE_S) if mixed and chance.random() < LATE_SHARE else 0.0
        kind = chance.choices(list(shares), list(shares.values()))[0]
        found.append(_event(f"{run}-{number:08d}", kind, chance, visits.next(), newest - late_s))
    return found


def _event(event_id: str, kind: str, chance: random.Random, visit: tuple[int, str, str, str], newest_s: float) -> bytes:
    number, arm, subject, session = visit
    at = datetime.fromtimestamp(newest_s - chance.random() * 20, UTC)
    event: dict[str, object] = {
        "event_id": event_id,
        "kind": kind,
        "occurred_at": at.isoformat(timespec="milliseconds"),
        "product_id": f"product-{number:02d}",
        "placement_id": f"p-{number:02d}-{arm}",
        "subject": subject,
        "session_id": session,
        "attributes": {
            "scene": chance.choice(("café", "gym", "street", "queue")),
            "firmware": chance.choice(("1.4.2", "1.5.0")),
            "assisted": chance.random() < 0.2,
            "temp": round(chance.uniform(15, 30), 1),
            "city": "Shanghai",
            "group": f"g-{chance.randrange(40)}",
        },
    }
    if kind == "use.completed":
        event |= {"outcome": chance.choice(("ok", "ok", "ok", "failed", "abandoned"))}
        event |= {"duration_ms": chance.randrange(1000, 90_000)}
    if kind in {"order.paid", "order.refunded"}:
        event["amount_fen"] = chance.randrange(500, 9900)
    if kind == "rating.given":
        event["rating"] = chance.randrange(1, 6)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def bodies(lines: Sequence[bytes], size: int) -> list[bytes]:
    """Return *lines* as NDJSON bodies of *size* lines."""
    return [b"\n".join(lines[start : start + size]) for start in range(0, len(lines), size)]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the gateway answered to a run of pushes."""

    accepted: int
    wall_s: float


def push(url: str, key: str, sent: Sequence[bytes], *, at_once: int = 4) -> Pushed:
    """Push the bodies, *at_once* at a time. Raises `RuntimeError` where one is not accepted whole."""
    return asyncio.run(_push(url, key, sent, at_once))


async def _push(url: str, key: str, sent: Sequence[bytes], at_once: int) -> Pushed:
    began, accepted = time.monotonic(), Counter[str]()
    queue = iter(sent)
    async with httpx.AsyncClient(base_url=url, headers=headers_of(key), timeout=60, trust_env=False) as client:

        async def sender() -> None:
            for body in queue:
                answer = await client.post("/v1/events", content=body)
                told = answer.json()
                if answer.status_code != 200 or told["rejected"] or told["duplicate"]:
                    raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
                accepted["accepted"] += told["accepted"]

        await asyncio.gather(*(sender() for _ in range(at_once)))
    return Pushed(accepted["accepted"], time.monotonic() - began)


def headers_of(key: str) -> dict[str, str]:
    """Return the headers of a batch push."""
    return {"authorization": f"Bearer {key}", "content-type": "application/x-ndjson"}
