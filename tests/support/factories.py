"""Builders of what tests are about: an event as a partner sends it, as the gateway stores it, and what judges it."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from producers.consent.ledger import ConsentLedger
from producers.orders.ledger import OrderLedger
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.placement import TimeWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import EventValidator, RequestCaches, ValidatorDeps
from registry.directory import Directory
from registry.pseudonyms import Pseudonyms
from schemas.lines import StoredEvent
from schemas.registry import Account, Avenue, BilingualText, Product, Registry, Startup, Trial, epoch_ms
from schemas.timing import DAY_MS, MINUTE_MS
from tests.support.paths import EXAMPLE_REGISTRY

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
"""In the midst of the example registry's trials."""
NOW_MS = epoch_ms(NOW)
REGISTRY = Registry.model_validate(tomllib.loads(EXAMPLE_REGISTRY.read_text()))
DIRECTORY = Directory(version=1, registry=REGISTRY)
SENTINEL = "wechat-openid-of-a-person"


class HashKeys:
    """A key of its own for each account and trial."""

    def account_key(self, account_id: str) -> bytes:
        """Return the key of an account, 32 bytes."""
        return account_id.encode().ljust(32, b"a")

    def trial_key(self, trial_id: str) -> bytes:
        """Return the key of a trial, 32 bytes."""
        return trial_id.encode().ljust(32, b"t")


def sent_event(event_id: str = "e-1", *, at: datetime = NOW - timedelta(minutes=1), **change: Any) -> dict[str, Any]:
    """Return an event as a partner sends it: sound unless *change* says otherwise; `...` leaves a field out."""
    fields = {
        "event_id": event_id,
        "kind": "use.completed",
        "outcome": "ok",
        "occurred_at": at.isoformat(),
        "placement_id": "p-017",
        "subject": SENTINEL,
        **change,
    }
    return {name: value for name, value in fields.items() if value is not ...}


def sent_line(event_id: str = "e-1", **change: Any) -> bytes:
    """Return `sent_event` as JSON."""
    return json.dumps(sent_event(event_id, **change)).encode()


def stored_event(
    event_id: str = "e-1", occurred_ms: int = NOW_MS, *, received_ms: int | None = None, **fields: Any
) -> StoredEvent:
    """Return an event as the gateway stores it, received as it occurred unless told otherwise."""
    values: dict[str, Any] = {
        "account_id": "sunmi-main",
        "platform": "sunmi",
        "product_id": "neuro-band",
        "trial_id": "neuro-band-q4",
        "kind": "exposure",
        "delivery_id": "d-1",
        "attributes": {},
    }
    received = occurred_ms if received_ms is None else received_ms
    return StoredEvent(event_id=event_id, occurred_ms=occurred_ms, received_ms=received, **(values | fields))


def validator_deps(*, directory: Directory = DIRECTORY) -> ValidatorDeps:
    """Return what a validator goes by, all of it empty yet."""
    return ValidatorDeps(
        directory=directory,
        partitions=4,
        duplicates=DuplicateWindow(keep_ms=DAY_MS, max_ids=1000),
        consent=ConsentLedger(max_subjects=100),
        orders=OrderLedger(max_orders=100, max_waiting=10),
        pseudonyms=Pseudonyms(HashKeys()),
        caches=RequestCaches(PseudonymCache(keep_ms=DAY_MS, max_texts=1000)),
    )


def make_validator(
    deps: ValidatorDeps | None = None, account: str = "sunmi-main", *, flow: str = "events"
) -> EventValidator:
    """Return the validator of one request of *account*, received at `NOW`."""
    deps = deps or validator_deps()
    window = TimeWindow(NOW_MS - 30 * DAY_MS, NOW_MS + 5 * MINUTE_MS, NOW_MS)
    return EventValidator(deps, deps.directory.accounts[account], flow, delivery_id="d-1", window=window)


def registry_of_trials(
    trials: Mapping[str, tuple[int, int]], *, accounts: Iterable[str], max_event_age: int | None
) -> Registry:
    """Return a registry of one product's *trials*, each with its start and end in Unix ms, and of Sunmi's *accounts*."""
    name = BilingualText(zh="一", en="one")
    return Registry(
        avenue=Avenue(id="avenue", name=name),
        startups=[Startup(id="calmwave", name=name)],
        products=[Product(id="band", startup="calmwave", name=name)],
        trials=[
            Trial(
                id=trial,
                product="band",
                starts=datetime.fromtimestamp(starts_ms / 1000, UTC),
                ends=datetime.fromtimestamp(ends_ms / 1000, UTC),
                arms=["pilot"],
                hypothesis=name,
                primary_metric="events",
            )
            for trial, (starts_ms, ends_ms) in trials.items()
        ],
        accounts=[Account(id=account, platform="sunmi", max_event_age_days=max_event_age) for account in accounts],
    )
