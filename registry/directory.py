"""The look-up: an immutable view of the registry in force, made anew as a whole whenever it changes."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from registry.key_uses import KeyUses
from schemas.registry import (
    AccessKey,
    Account,
    Epoch,
    NotificationChannel,
    Placement,
    Product,
    Registry,
    TimelineNote,
    Trial,
    TrialPlan,
    day_ms,
    epoch_ms,
)
from schemas.timing import DAY_MS, day_of


@dataclass(frozen=True, slots=True)
class PlacementSpan:
    """A placement with what it implies; times are Unix milliseconds, `until_ms` is excluded."""

    placement_id: str
    place_id: str
    account_id: str
    trial_id: str
    product_id: str
    arm: str
    """Where its days say nothing else: `arm_at`."""
    from_ms: int
    until_ms: int
    match: Mapping[str, str]
    arm_days: Mapping[int, str] = field(default_factory=dict)
    """The arm of each day (its start) on which it is in another one."""

    def covers(self, at_ms: int) -> bool:
        """Tell whether it stands there at *at_ms*."""
        return self.from_ms <= at_ms < self.until_ms

    def arm_at(self, at_ms: int) -> str:
        """Return the arm in which it is, or would be, at *at_ms*."""
        return self.arm_days.get(day_of(at_ms), self.arm) if self.arm_days else self.arm

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that it is in at one time or another, its usual one first."""
        return tuple(dict.fromkeys((self.arm, *self.arm_days.values())))

    def by_arm(self, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
        """Give *spans* (start, end) cut where the arm changes, each part with its arm."""
        for start, end in spans:
            if not self.arm_days:
                yield self.arm, (start, end)
                continue
            since, arm = start, self.arm_at(start)
            for day in range(day_of(start) + DAY_MS, end, DAY_MS):
                if (then := self.arm_at(day)) != arm:
                    yield arm, (since, day)
                    since, arm = day, then
            if since < end:
                yield arm, (since, end)


@dataclass(frozen=True, slots=True)
class TrialSpan:
    """A trial with its times in Unix milliseconds; `ends_ms` is excluded."""

    trial_id: str
    product_id: str
    arms: tuple[str, ...]
    starts_ms: int
    ends_ms: int
    baseline_from_ms: int | None

    def covers(self, at_ms: int) -> bool:
        """Tell whether the trial, or the baseline before it, runs at *at_ms*."""
        first = self.starts_ms if self.baseline_from_ms is None else min(self.baseline_from_ms, self.starts_ms)
        return first <= at_ms < self.ends_ms

    def in_baseline(self, at_ms: int) -> bool:
        """Tell whether *at_ms* lies before the start: stored with an empty arm, outside the readout."""
        return at_ms < self.starts_ms


@dataclass(frozen=True)
class Directory:
    """The registry in force. `version` is its offset on the topic, -1 where there is none yet."""

    version: int = -1
    registry: Registry | None = None
    keys: Mapping[str, AccessKey] = field(default_factory=dict)
    """By SHA-256 of the key."""
    epochs: tuple[Epoch, ...] = ()
    uses: KeyUses | None = field(default=None, compare=False)
    """Where it is noted that a key was used; None: nowhere."""
    plans: Mapping[str, TrialPlan] = field(default_factory=dict)
    """What was planned of each trial, and changed after its start; trials that left the registry among them."""

    @cached_property
    def accounts(self) -> Mapping[str, Account]:
        """Accounts by id."""
        return {a.id: a for a in self.registry.accounts} if self.registry else {}

    @cached_property
    def products(self) -> Mapping[str, Product]:
        """Products by id."""
        return {p.id: p for p in self.registry.products} if self.registry else {}

    @cached_property
    def trials(self) -> Mapping[str, Trial]:
        """Trials by id."""
        return {t.id: t for t in self.registry.trials} if self.registry else {}

    @cached_property
    def placements(self) -> Mapping[str, Placement]:
        """Placements by id."""
        return {p.id: p for p in self.registry.placements} if self.registry else {}

    @cached_property
    def channels(self) -> Mapping[str, NotificationChannel]:
        """Channels by id."""
        return {c.id: c for c in self.registry.channels} if self.registry else {}

    @cached_property
    def trial_spans(self) -> Mapping[str, TrialSpan]:
        """Trials by id, with times in milliseconds."""
        return {
            t.id: TrialSpan(
                trial_id=t.id,
                product_id=t.product,
                arms=tuple(t.arms),
                starts_ms=epoch_ms(t.starts),
                ends_ms=epoch_ms(t.ends),
                baseline_from_ms=None if t.baseline_from is None else epoch_ms(t.baseline_from),
            )
            for t in self.trials.values()
        }

    @cached_property
    def trials_of_product(self) -> Mapping[str, tuple[TrialSpan, ...]]:
        """Trials of each product, by start."""
        found: dict[str, list[TrialSpan]] = defaultdict(list)
        for span in sorted(self.trial_spans.values(), key=lambda s: s.starts_ms):
            found[span.product_id].append(span)
        return {product: tuple(spans) for product, spans in found.items()}

    @cached_property
    def placed(self) -> Mapping[str, PlacementSpan]:
        """Placements by id, resolved."""
        return {
            p.id: PlacementSpan(
                placement_id=p.id,
                place_id=p.place_id,
                account_id=p.account or "",
                trial_id=p.trial,
                product_id=self.trials[p.trial].product,
                arm=p.arm,
                from_ms=epoch_ms(p.from_),
                until_ms=epoch_ms(p.until),
                match=p.match,
                arm_days={day_ms(day): arm for arm, days in p.arm_days.items() for day in days},
            )
            for p in self.placements.values()
        }

    @cached_property
    def moments(self) -> tuple[int, ...]:
        """The times (Unix ms, ascending) at which a placement or trial begins, ends or changes its arm."""
        placed = {moment for span in self.placed.values() for moment in (span.from_ms, span.until_ms)}
        placed |= {at for span in self.placed.values() for day in span.arm_days for at in (day, day + DAY_MS)}
        spans = [(span.starts_ms, span.ends_ms, span.baseline_from_ms) for span in self.trial_spans.values()]
        return tuple(sorted(placed | {moment for span in spans for moment in span if moment is not None}))

    @cached_property
    def _by_match(self) -> Mapping[str, tuple[PlacementSpan, ...]]:
        found: dict[str, list[PlacementSpan]] = defaultdict(list)
        for placed in self.placed.values():
            if placed.match:
                found[placed.account_id].append(placed)
        # Most keys first, so that the most exact placement wins.
        return {a: tuple(sorted(ps, key=lambda p: (-len(p.match), p.placement_id))) for a, ps in found.items()}

    def match(self, account_id: str, keys: Mapping[str, str]) -> tuple[PlacementSpan, ...]:
        """Return the account's placements all of whose match keys *keys* has, whatever their times."""
        return tuple(
            placed
            for placed in self._by_match.get(account_id, ())
            if all(keys.get(name) == value for name, value in placed.match.items())
        )

    @cached_property
    def _products_of_account(self) -> Mapping[str, frozenset[str]]:
        placed: dict[str, set[str]] = defaultdict(set)
        for span in self.placed.values():
            placed[span.account_id].add(span.product_id)
        return {
            account.id: frozenset(placed[account.id] if account.products is None else account.products)
            for account in self.accounts.values()
        }

    def products_of(self, account_id: str) -> frozenset[str]:
        """Return the products that the account may name in a batch push."""
        return self._products_of_account.get(account_id, frozenset())

    def notes_of(self, trial_id: str) -> tuple[TimelineNote, ...]:
        """Return the notes of the trial and of the whole avenue while it lasts, its baseline included, by time."""
        trial, span = self.trials[trial_id], self.trial_spans[trial_id]
        notes = self.registry.notes if self.registry else []
        chosen = (n for n in notes if n.trial == trial.id or (n.trial is None and span.covers(epoch_ms(n.at))))
        return tuple(sorted(chosen, key=lambda note: (note.at, note.id)))

    def key_of(self, presented: str, *, now_ms: int) -> AccessKey | None:
        """Return the valid key that *presented* is, or None where it is unknown, expired or revoked."""
        key = self.keys.get(hashlib.sha256(presented.encode()).hexdigest())
        if key is None or key.revoked_at is not None:
            return None
        if key.expires_at is not None and epoch_ms(key.expires_at) <= now_ms:
            return None
        if self.uses is not None:
            self.uses.note(key.id, now_ms)
        return key

    @cached_property
    def for_readers(self) -> "Directory":
        """The same without what stands there for trying out: a sandbox account's placements are no trial's places."""
        registry = self.registry
        sandboxes = {account.id for account in registry.accounts if account.sandbox} if registry else set()
        if registry is None or not sandboxes:
            return self
        accounts = [a.model_copy(update={"products": []}) if a.sandbox else a for a in registry.accounts]
        placements = [p for p in registry.placements if p.account not in sandboxes]
        return replace(self, registry=registry.model_copy(update={"accounts": accounts, "placements": placements}))

    @property
    def epoch(self) -> Epoch | None:
        """The newest epoch of `pilot-events.v1`."""
        return max(self.epochs, key=lambda e: e.number, default=None)
