"""What a registry must hold to beyond the form of its entries. Each check is total over a draft and yields faults."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import combinations
from typing import Any

from registry.draft import DraftEntry, FileFault, RegistryDraft, did_you_mean
from schemas.registry import FLOWS, MATCH_KEYS, OpeningHours, Placement, Trial, day_ms, epoch_ms
from schemas.timing import DAY_MS, day_of

MIN_ROTA_ARMS = 2
Check = Callable[[RegistryDraft], Iterator[FileFault]]
_PLAIN = "a plain: secret stands only in a file that says `demo = true`; use env:NAME or file:PATH"


def faults_of(draft: RegistryDraft, *, production: bool) -> list[FileFault]:
    """Return every fault of *draft*. With *production* a demo's file is refused."""
    found = [fault for check in CHECKS for fault in check(draft)]
    if production and draft.demo:
        found.append(
            FileFault(("demo",), "a production profile takes no demo file; remove `demo` and use env: or file: secrets")
        )
    return found


def first_moment(trial: Trial) -> datetime:
    """Return when the trial's events begin: its baseline's start where it has one."""
    return trial.starts if trial.baseline_from is None else min(trial.baseline_from, trial.starts)


def _ids_are_unique(draft: RegistryDraft) -> Iterator[FileFault]:
    for entry_type, declared in draft.declared.items():
        first: dict[str, int] = {}
        for position, name in declared:
            if name in first:
                yield FileFault(
                    (entry_type, position, "id"),
                    f"`{name}` is the id of entry {first[name] + 1} of {entry_type} already; give this one another",
                )
            first.setdefault(name, position)


def _references_exist(draft: RegistryDraft) -> Iterator[FileFault]:
    references: list[tuple[DraftEntry[Any], str, str, str]] = [
        *((item, "startup", "startups", item.entry.startup) for item in draft.products),
        *((item, "product", "products", item.entry.product) for item in draft.trials),
        *((item, "trial", "trials", item.entry.trial) for item in draft.placements),
        *((item, "account", "accounts", item.entry.account or "") for item in draft.placements),
        *((item, "startup", "startups", item.entry.startup or "") for item in draft.channels),
        *((item, "trial", "trials", item.entry.trial or "") for item in draft.channels),
        *((item, "trial", "trials", item.entry.trial or "") for item in draft.notes),
    ]
    for item, name, entry_type, value in references:
        if value and item.has(name) and value not in draft.ids(entry_type):
            yield FileFault((*item.path, name), _unknown(draft, entry_type, value))
    for item in draft.accounts:
        for index, product in enumerate(item.entry.products or ()):
            if product not in draft.ids("products"):
                yield FileFault((*item.path, "products", index), _unknown(draft, "products", product))


def _unknown(draft: RegistryDraft, entry_type: str, name: str) -> str:
    return f"there is no {entry_type[:-1]} `{name}` in this file{did_you_mean(name, draft.ids(entry_type))}"


def _trials_last(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.trials:
        trial = item.entry
        if item.has("starts", "ends") and trial.starts >= trial.ends:
            yield FileFault((*item.path, "ends"), f"not after the trial starts, {_at(trial.starts)}; move one of them")
        if trial.baseline_from is not None and item.has("starts") and trial.baseline_from >= trial.starts:
            yield FileFault(
                (*item.path, "baseline_from"),
                f"the baseline does not begin before the trial, {_at(trial.starts)}; move it, or leave it out",
            )


def _trials_can_be_read_out(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.trials:
        trial = item.entry
        lists = {name: getattr(trial, name) for name in ("arms", "more_primary_metrics", "guardrails")}
        for name, values in lists.items():
            for index, value in _repeated(values):
                yield FileFault((*item.path, name, index), f"`{value}` stands in {name} twice; remove one")
        yield from _metrics_have_one_role(item)
        if trial.smallest_effect is not None and not math.isfinite(trial.smallest_effect):
            yield FileFault((*item.path, "smallest_effect"), "must be a finite number")


def _zones_have_both_names(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.placements:
        if item.entry.zone_zh and not item.entry.zone:
            yield FileFault((*item.path, "zone_zh"), "`zone` is missing, which English pages show; add it")


def _metrics_have_one_role(item: DraftEntry[Trial]) -> Iterator[FileFault]:
    trial = item.entry
    if item.has("primary_metric", "more_primary_metrics") and trial.primary_metric in trial.more_primary_metrics:
        yield FileFault(
            (*item.path, "more_primary_metrics", trial.more_primary_metrics.index(trial.primary_metric)),
            f"`{trial.primary_metric}` is `primary_metric` already; name it once",
        )
    for name in ("primary_metric", "more_primary_metrics"):
        decide = trial.primary_metrics[:1] if name == "primary_metric" else trial.more_primary_metrics
        for metric in decide if item.has(name, "guardrails") else ():
            if metric in trial.guardrails:
                yield FileFault(
                    (*item.path, "guardrails", trial.guardrails.index(metric)),
                    f"`{metric}` is {'the' if name == 'primary_metric' else 'a'} primary metric already; "
                    "a guardrail is another one",
                )


def _rotas_can_be_drawn(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.trials:
        rota = item.entry.rota
        if rota is None or not item.has("id", "arms", "rota"):
            continue
        if len(item.entry.arms) < MIN_ROTA_ARMS:
            yield FileFault((*item.path, "rota"), "places change between arms; the trial needs two at least")
        if item.entry.carry_over_days and rota.block == "day":
            yield FileFault(
                (*item.path, "carry_over"),
                "places that change arm by day have no day left after it; let them change by week, or leave this out",
            )
        known = {
            p.entry.place_id for p in draft.placements if p.has("trial", "place") and p.entry.trial == item.entry.id
        }
        for index, place in enumerate(rota.places or ()):
            if place not in known:
                told = f"no placement of trial `{item.entry.id}` stands at place `{place}`{did_you_mean(place, known)}"
                yield FileFault((*item.path, "rota", "places", index), told)
        for index, place in _repeated(rota.places or ()):
            yield FileFault((*item.path, "rota", "places", index), f"`{place}` stands in places twice; remove one")


def _repeated(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index, value
        seen.add(value)


def _trials_of_a_product_follow_each_other(draft: RegistryDraft) -> Iterator[FileFault]:
    by_product: dict[str, list[DraftEntry[Trial]]] = defaultdict(list)
    for item in draft.trials:
        if item.has("product", "starts", "ends", "baseline_from"):
            by_product[item.entry.product].append(item)
    for product, items in by_product.items():
        for one, other in combinations(items, 2):
            if first_moment(one.entry) < other.entry.ends and first_moment(other.entry) < one.entry.ends:
                yield FileFault(
                    (*other.path, "starts"),
                    f"overlaps trial `{one.entry.id}` of the same product `{product}` in time (a baseline counts); "
                    "an event of the product could belong to either: move one",
                )


def _secrets_are_of_the_platform(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.accounts:
        flows = FLOWS[item.entry.platform]
        for flow, references in item.entry.secrets.items():
            path = (*item.path, "secrets", flow)
            if item.has("platform") and flow not in flows:
                yield FileFault(path, f"`{flow}` is no flow of {item.entry.platform}{did_you_mean(flow, flows)}")
            for index, reference in enumerate(references):
                if reference.startswith("plain:") and not draft.demo:
                    yield FileFault((*path, index), _PLAIN)


def _accounts_are_reached(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.accounts:
        account, path = item.entry, (*item.path, "public_url")
        if account.public_url is None:
            if "waimai" in account.secrets and item.has("public_url"):
                yield FileFault(path, "waimai signs the address it pushes to; add `public_url`, the gateway's address")
        elif not account.public_url.startswith(("https://", "http://")) or set("?#") & set(account.public_url):
            yield FileFault(path, "must be an address like https://gw.example.com, without a query")
        elif account.public_url.endswith("/"):
            yield FileFault(path, "remove the slash at the end: the path of the push is put behind it")
        for index, value in _repeated(account.products or ()):
            yield FileFault((*item.path, "products", index), f"`{value}` stands in products twice; remove one")


def _placements_stand_in_their_trial(draft: RegistryDraft) -> Iterator[FileFault]:
    trials = {item.entry.id: item for item in draft.trials}
    for item in draft.placements:
        placement = item.entry
        if item.has("from", "until") and placement.from_ >= placement.until:
            yield FileFault((*item.path, "until"), f"not after it begins, {_at(placement.from_)}; move one of them")
        trial = trials.get(placement.trial)
        if trial is not None and item.has("trial"):
            yield from _within(item, trial)


def _within(item: DraftEntry[Placement], of: DraftEntry[Trial]) -> Iterator[FileFault]:
    placement, trial = item.entry, of.entry
    if item.has("arm") and of.has("arms") and placement.arm not in trial.arms:
        hint = did_you_mean(placement.arm, trial.arms)
        yield FileFault((*item.path, "arm"), f"`{placement.arm}` is no arm of trial `{trial.id}`{hint}")
    if of.has("starts", "ends") and trial.starts >= trial.ends:
        # That is the fault to mend; against such a trial every placement stands wrong.
        return
    if item.has("from") and of.has("starts", "baseline_from") and placement.from_ < first_moment(trial):
        yield FileFault(
            (*item.path, "from"),
            f"before trial `{trial.id}` begins, {_at(first_moment(trial))}; move it, or give the trial a baseline_from",
        )
    if item.has("until") and of.has("ends") and placement.until > trial.ends:
        yield FileFault((*item.path, "until"), f"after trial `{trial.id}` ends, {_at(trial.ends)}; move one of them")


def _arm_days_say_one_thing(draft: RegistryDraft) -> Iterator[FileFault]:
    trials = {item.entry.id: item for item in draft.trials}
    for item in draft.placements:
        if item.has("arm_days"):
            yield from _days_are_its_own(item)
            trial = trials.get(item.entry.trial)
            if trial is not None and item.has("trial") and trial.has("arms"):
                yield from _arms_are_the_trials(item, trial.entry)


def _days_are_its_own(item: DraftEntry[Placement]) -> Iterator[FileFault]:
    placement = item.entry
    said: dict[date, str] = {}
    for arm, days in placement.arm_days.items():
        if item.has("arm") and arm == placement.arm:
            yield FileFault((*item.path, "arm_days", arm), f"`{arm}` is its arm on all other days; leave these out")
        for index, day in enumerate(days):
            path = (*item.path, "arm_days", arm, index)
            if day in said:
                yield FileFault(path, f"{day} stands in arm `{said[day]}` already; remove one")
            said.setdefault(day, arm)
            if item.has("from", "until") and not _stands_on(placement, day):
                yield FileFault(path, f"the placement does not stand on {day}; remove it, or move `from` or `until`")


def _stands_on(placement: Placement, day: date) -> bool:
    start_ms = day_ms(day)
    return epoch_ms(placement.from_) < start_ms + DAY_MS and start_ms < epoch_ms(placement.until)


def _arms_are_the_trials(item: DraftEntry[Placement], trial: Trial) -> Iterator[FileFault]:
    for arm in item.entry.arm_days:
        if arm not in trial.arms:
            hint = did_you_mean(arm, trial.arms)
            yield FileFault((*item.path, "arm_days", arm), f"`{arm}` is no arm of trial `{trial.id}`{hint}")


def _placements_stand_on_the_avenue(draft: RegistryDraft) -> Iterator[FileFault]:
    if draft.avenue is None or not draft.avenue.has("length_m"):
        return
    length = draft.avenue.entry.length_m
    for item in draft.placements:
        # Not `>`: a metre that is no number is not on the avenue either.
        if item.has("metre") and not item.entry.metre <= length:
            yield FileFault((*item.path, "metre"), f"{item.entry.metre:g} m is beyond the avenue's {length} m")


def _placements_are_matched_on_what_is_sent(draft: RegistryDraft) -> Iterator[FileFault]:
    platforms = {item.entry.id: item.entry.platform for item in draft.accounts if item.has("platform")}
    for item in draft.placements:
        placement = item.entry
        if placement.match and placement.account is None and item.has("account"):
            yield FileFault((*item.path, "match"), "match keys are an account's; add `account`, or remove `match`")
        platform = platforms.get(placement.account or "")
        known = MATCH_KEYS[platform] if platform is not None else tuple(placement.match)
        for key in placement.match:
            if key not in known:
                yield FileFault(
                    (*item.path, "match", key), f"{platform} does not send `{key}`{did_you_mean(key, known)}"
                )


def _match_keys_lead_to_one_placement(draft: RegistryDraft) -> Iterator[FileFault]:
    by_key: dict[tuple[str, frozenset[tuple[str, str]]], list[DraftEntry[Placement]]] = defaultdict(list)
    for item in draft.placements:
        if item.entry.account is not None and item.entry.match and item.has("from", "until"):
            by_key[item.entry.account, frozenset(item.entry.match.items())].append(item)
    for items in by_key.values():
        for one, other in combinations(items, 2):
            if _overlap(one.entry, other.entry):
                yield FileFault(
                    (*other.path, "match"),
                    f"placement `{one.entry.id}` has the same account and match at the same time; "
                    "end one before the other begins, or match on a further key",
                )


def _places_have_one_position(draft: RegistryDraft) -> Iterator[FileFault]:
    for place, one, other in _same_place(draft):
        first, second = one.entry, other.entry
        if not (one.has("metre", "side") and other.has("metre", "side")):
            continue
        if (first.metre, first.side) != (second.metre, second.side):
            yield FileFault(
                (*other.path, "metre"),
                f"place `{place}` is at {first.metre:g} m {first.side} by placement `{first.id}`; "
                "a place is one spot: correct one, or give this placement another place",
            )


def _places_have_one_trial_at_a_time(draft: RegistryDraft) -> Iterator[FileFault]:
    needed = ("trial", "arm", "arm_days", "from", "until")
    for place, one, other in _same_place(draft):
        first, second = one.entry, other.entry
        if not (one.has(*needed) and other.has(*needed) and _overlap(first, second)):
            continue
        if first.trial != second.trial:
            yield FileFault((*other.path, "trial"), _ONE_AT_A_TIME.format(place, first.trial, first.arm, first.id))
        elif (told := _differing_arm(first, second)) is not None:
            name, arm = told
            yield FileFault((*other.path, name), _ONE_AT_A_TIME.format(place, first.trial, arm, first.id))


_ONE_AT_A_TIME = (
    "place `{}` is in trial `{}`, arm `{}`, then (placement `{}`); a place belongs to one trial and arm at a time"
)


def _differing_arm(one: Placement, other: Placement) -> tuple[str, str] | None:
    """Return the field by which *other* is in another arm while both stand, and *one*'s arm then; None if it never is.

    Both have said days and usual arms; where all days of the time together are said, the usual ones do not count.
    """
    first_ms = day_of(max(epoch_ms(one.from_), epoch_ms(other.from_)))
    last_ms = day_of(min(epoch_ms(one.until), epoch_ms(other.until)) - 1)
    ours, theirs = (
        {
            at: arm
            for arm, days in placement.arm_days.items()
            for day in days
            if first_ms <= (at := day_ms(day)) <= last_ms
        }
        for placement in (one, other)
    )
    for at_ms in sorted(ours.keys() | theirs.keys()):
        if (arm := ours.get(at_ms, one.arm)) != theirs.get(at_ms, other.arm):
            return "arm_days", arm
    days_together = (last_ms - first_ms) // DAY_MS + 1
    if one.arm != other.arm and len(ours.keys() | theirs.keys()) < days_together:
        return "arm", one.arm
    return None


def _same_place(draft: RegistryDraft) -> Iterator[tuple[str, DraftEntry[Placement], DraftEntry[Placement]]]:
    by_place: dict[str, list[DraftEntry[Placement]]] = defaultdict(list)
    for item in draft.placements:
        if item.has("id", "place"):
            by_place[item.entry.place_id].append(item)
    for place, items in by_place.items():
        for one, other in combinations(items, 2):
            # Of one id twice, that is the fault to mend.
            if one.entry.id != other.entry.id:
                yield place, one, other


def _overlap(one: Placement, other: Placement) -> bool:
    return one.from_ < other.until and other.from_ < one.until


def _hours_are_sound(draft: RegistryDraft) -> Iterator[FileFault]:
    if draft.avenue is not None:
        yield from _close_after_opening(draft.avenue, draft.avenue.entry.hours)
    for item in draft.placements:
        if item.entry.hours is not None:
            yield from _close_after_opening(item, item.entry.hours)


def _close_after_opening(item: DraftEntry[Any], hours: OpeningHours) -> Iterator[FileFault]:
    if hours.opens >= hours.closes:
        yield FileFault(
            (*item.path, "hours"),
            f"closes {hours.closes}, not after it opens, {hours.opens}; a day's hours end by 24:00",
        )


def _channels_belong_to_one(draft: RegistryDraft) -> Iterator[FileFault]:
    for item in draft.channels:
        channel = item.entry
        if item.has("startup", "trial") and (channel.startup is None) == (channel.trial is None):
            yield FileFault(item.path, "name either the `startup` or the `trial` that this channel is told of")
        for index, value in _repeated(channel.tells):
            yield FileFault((*item.path, "tells", index), f"`{value}` stands in tells twice; remove one")
        if channel.address.startswith("plain:") and not draft.demo:
            yield FileFault((*item.path, "address"), _PLAIN)


def _at(moment: datetime) -> str:
    return moment.isoformat()


CHECKS: tuple[Check, ...] = (
    _ids_are_unique,
    _references_exist,
    _trials_last,
    _trials_can_be_read_out,
    _zones_have_both_names,
    _rotas_can_be_drawn,
    _trials_of_a_product_follow_each_other,
    _secrets_are_of_the_platform,
    _accounts_are_reached,
    _placements_stand_in_their_trial,
    _arm_days_say_one_thing,
    _placements_stand_on_the_avenue,
    _placements_are_matched_on_what_is_sent,
    _match_keys_lead_to_one_placement,
    _places_have_one_position,
    _places_have_one_trial_at_a_time,
    _hours_are_sound,
    _channels_belong_to_one,
)
