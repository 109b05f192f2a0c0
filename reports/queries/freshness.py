"""How far to trust an answer: up to when the store is complete for a trial, what was refused, what may still change."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from registry.directory import Directory, TrialSpan
from reports.queries.context import QueryContext, moment, range_parameters
from reports.queries.model import FlaggedBlock, Freshness, Interval
from reports.queries.reject_owners import NamedThings, RejectOwners
from reports.queries.sources import split_without_differences
from schemas.timing import block_of, minute_of
from schemas.topics import Topic, partition_of

LISTED = 100
"""Flagged blocks named in an answer; all are counted."""


def freshness(context: QueryContext, trial_id: str, interval: Interval) -> Freshness:
    """Return how fresh the trial's numbers are; rejects and flagged blocks are those of *interval*."""
    as_of_ms = complete_until(context, context.span(trial_id).product_id)
    flagged = flagged_of(context, context.span(trial_id).product_id, interval)
    return Freshness(
        as_of_ms=as_of_ms,
        lag_s=lag(context, as_of_ms),
        rejected=sum(rejects_by_reason(context, trial_id, interval).values()),
        flagged_windows=len(flagged),
        flagged=flagged[:LISTED],
    )


def lag(context: QueryContext, as_of_ms: int | None) -> float | None:
    """Return how long ago *as_of_ms* is, in seconds; None where nothing has come yet."""
    return None if as_of_ms is None else max(0.0, (context.now_ms - as_of_ms) / 1000)


def complete_until(context: QueryContext, product_id: str) -> int | None:
    """Return up to when every event of the product that was acknowledged is stored and counted; None before any.

    A product lives in one source: the partition of its id in the newest epoch. Where the worker has counted all that
    is stored, its cells are as complete as the rows are, however long ago the last event was.
    """
    epoch = context.directory.epoch
    if epoch is None:
        return None
    partition = partition_of(product_id, epoch.partitions)
    source_parameters = {"epoch": epoch.number, "topic": Topic.EVENTS.value}
    sources = {
        (side, number): (int(at), int(ms))
        for side, number, at, ms in context.rows("freshness_sources", source_parameters)
    }
    if ("stored", partition) not in sources:
        return None
    stored_offset, stored_ms = sources["stored", partition]
    counted_offset, counted_ms = sources.get(("counted", partition), (0, 0))
    if counted_offset >= stored_offset:
        return stored_ms
    uncounted = context.rows(
        "freshness_uncounted", {**source_parameters, "partition": partition, "counted": counted_offset}
    )
    # The last counted record may be hours old where nothing came since; the first uncounted one says more.
    counted_ms = int(uncounted[0][0]) - 1 if uncounted else counted_ms
    return min(stored_ms, counted_ms) or None


def flagged_of(context: QueryContext, product_id: str, interval: Interval) -> tuple[FlaggedBlock, ...]:
    """Return the product's windows of *interval* that may still change, or differ unexplained."""
    # A day that was summed and holds has no block that waits.
    whole = Interval(block_of(interval.from_ms), minute_of(interval.to_ms))
    open_days = split_without_differences(context, product_id, whole).unrolled
    parameters = {"product": product_id, **range_parameters("blocks", open_days)}
    found = context.rows("freshness_flagged", parameters, blocks=len(open_days))
    return tuple(
        FlaggedBlock(int(start_ms), "unexplained" if unexplained else "waiting") for start_ms, unexplained in found
    )


def rejects_by_reason(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, int]:
    """Return how many kept rejects received in *interval* concern the trial, by reason, the commonest first.

    Rejects that a replay has made events of are left out.
    """
    found: dict[str, int] = defaultdict(int)
    for reason, _, count in own_rejects(context, trial_id, interval):
        found[reason] += count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def own_rejects(context: QueryContext, trial_id: str, interval: Interval) -> Iterator[tuple[str, int, int]]:
    """Yield reason, a hash of what is named, and count of the kept rejects of *interval* that concern the trial."""
    owners = RejectOwners(context.directory, accounts_of(context.directory, trial_id))
    for reason, *named, digest, count in context.rows(
        "freshness_rejects", reject_parameters(context, trial_id, interval)
    ):
        if trial_id in owners.trials(NamedThings(*named)):
            yield str(reason), int(digest), int(count)


def reject_parameters(context: QueryContext, trial_id: str, interval: Interval) -> dict[str, Any]:
    """Return what the statements about a trial's rejects are asked with: none from before it began."""
    span = context.span(trial_id)
    own = _since_its_beginning(span, interval)
    owners = RejectOwners(context.directory, accounts_of(context.directory, trial_id))
    return {
        "accounts": list(owners.accounts),
        "from": moment(own.from_ms),
        "to": moment(own.to_ms),
        "other_products": [p for p in context.directory.products if p != span.product_id],
        "moments": list(owners.handovers),
    }


def _since_its_beginning(span: TrialSpan, interval: Interval) -> Interval:
    began_ms = span.starts_ms if span.baseline_from_ms is None else min(span.baseline_from_ms, span.starts_ms)
    from_ms = max(interval.from_ms, began_ms)
    return Interval(from_ms, max(interval.to_ms, from_ms))


def rejected_of_many(context: QueryContext, intervals: Mapping[str, Interval]) -> dict[str, int]:
    """Return for each trial of *intervals* how many kept rejects of its interval concern it, as above."""
    accounts = {trial_id: set(accounts_of(context.directory, trial_id)) for trial_id in intervals}
    owners = RejectOwners(context.directory, tuple(sorted(set().union(*accounts.values()))))
    # Trials often run at the same time, and a row is held against each interval.
    own = {trial_id: _since_its_beginning(context.span(trial_id), one) for trial_id, one in intervals.items()}
    number_of = {interval: number for number, interval in enumerate(dict.fromkeys(own.values()))}
    parameters: dict[str, Any] = {
        "accounts": list(owners.accounts),
        "from_ms": [interval.from_ms for interval in number_of],
        "to_ms": [interval.to_ms for interval in number_of],
        "moments": list(owners.handovers),
    }
    found = dict.fromkeys(intervals, 0)
    for *named, counts in context.rows("freshness_rejects_of_many", parameters) if intervals else ():
        things = NamedThings(*named)
        for trial_id in owners.trials(things) & intervals.keys():
            if things.account_id in accounts[trial_id]:
                found[trial_id] += int(counts[number_of[own[trial_id]]])
    return found


def accounts_of(directory: Directory, trial_id: str) -> tuple[str, ...]:
    """Return the accounts that may send for the trial: those of its placements, and those that may name its product."""
    product_id = directory.trial_spans[trial_id].product_id
    placed = {p.account_id for p in directory.placed.values() if p.trial_id == trial_id and p.account_id}
    naming = {account for account in directory.accounts if product_id in directory.products_of(account)}
    return tuple(sorted(placed | naming))
