"""Whose a kept reject is: the trials that what it names belongs to, and nobody else's."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import msgspec

from registry.directory import Directory, PlacementSpan


class NamedThings(NamedTuple):
    """What a kept reject names: ids as they were sent ('' for none), and a platform's keys as JSON."""

    account_id: str
    product_id: str
    placement_id: str
    trial_id: str
    match: str
    after: int
    """How many of the handovers had been when it happened."""


@dataclass(frozen=True)
class RejectOwners:
    """Tells of rejects of these *accounts* which trials they concern."""

    directory: Directory
    accounts: tuple[str, ...]

    @cached_property
    def handovers(self) -> tuple[int, ...]:
        """The times (Unix ms, ascending) at which one key passes from a placement of one trial to another's."""
        placed = [p for p in self.directory.placed.values() if p.account_id in self.accounts and p.match]
        shared = [tuple(group) for _, group in groupby(sorted(placed, key=_keys), key=_keys)]
        moments = (m for group in shared if len({p.trial_id for p in group}) > 1 for p in group for m in _times(p))
        return tuple(sorted(set(moments)))

    def trials(self, named: NamedThings) -> frozenset[str]:
        """Return the trials that a reject that names these concerns.

        All that it names and that is known has to be a trial's own. What names nothing known may be any trial's of its
        account: it is told where these are all one startup's, else it is nobody's.
        """
        known = [trials for trials in (self._of_ids(named), self._of_match(named)) if trials is not None]
        return frozenset.intersection(*known) if known else self._alone.get(named.account_id, frozenset())

    def _of_ids(self, named: NamedThings) -> frozenset[str] | None:
        directory, found = self.directory, list[frozenset[str]]()
        if named.product_id in directory.products:
            spans = directory.trials_of_product.get(named.product_id, ())
            found.append(frozenset(span.trial_id for span in spans))
        if named.placement_id in directory.placed:
            found.append(frozenset({directory.placed[named.placement_id].trial_id}))
        if named.trial_id in directory.trials:
            found.append(frozenset({named.trial_id}))
        return frozenset.intersection(*found) if found else None

    def _of_match(self, named: NamedThings) -> frozenset[str] | None:
        alternatives = (self.directory.match(named.account_id, keys) for keys in _keys_of(named.match))
        placed = next((found for found in alternatives if found), ())
        at_ms = self.handovers[named.after - 1] if named.after else min(self.handovers, default=0) - 1
        there = tuple(p for p in placed if p.covers(at_ms)) if self.handovers else placed
        trials = frozenset(p.trial_id for p in there or placed)
        # A key that was handed over, at a time when it was nobody's: either startup's reject, so neither is told.
        return (trials if len(self._startups(trials)) == 1 else frozenset()) if placed else None

    @cached_property
    def _alone(self) -> dict[str, frozenset[str]]:
        """Of each account whose products are all one startup's, the trials that it may send for."""
        found: dict[str, frozenset[str]] = {}
        for account in self.accounts:
            products = {p.product_id for p in self.directory.placed.values() if p.account_id == account}
            products |= self.directory.products_of(account)
            trials = frozenset(t.trial_id for p in products for t in self.directory.trials_of_product.get(p, ()))
            startups = {self.directory.products[p].startup for p in products if p in self.directory.products}
            found[account] = trials if len(startups) == 1 else frozenset()
        return found

    def _startups(self, trials: frozenset[str]) -> set[str]:
        return {self.directory.products[self.directory.trials[t].product].startup for t in trials}


def _keys(placed: PlacementSpan) -> tuple[str, tuple[tuple[str, str], ...]]:
    return placed.account_id, tuple(sorted(placed.match.items()))


def _times(placed: PlacementSpan) -> tuple[int, int]:
    return placed.from_ms, placed.until_ms


def _keys_of(match: str) -> list[dict[str, str]]:
    """Return the alternatives of a platform's keys; a value that was masked matches nothing."""
    if not match:
        return []
    alternatives = msgspec.json.decode(match, type=list[dict[str, object]])
    return [{name: value for name, value in keys.items() if isinstance(value, str)} for keys in alternatives]
