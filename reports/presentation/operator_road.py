"""The operator's road in words: each hop with its state by shape, colour and word, and the next step."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.directory import Directory
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.labels import BETWEEN_NAMES, N_
from reports.presentation.language import Translator
from reports.queries.operator_model import (
    AccountState,
    HopCause,
    HopCondition,
    HopReading,
    NextStep,
    OperatorRoad,
    ProductState,
    RoadHopName,
    SumName,
    SumsReading,
)

HOPS: Mapping[RoadHopName, str] = {
    "gateway": N_("Gateway"),
    "kafka": "Kafka",
    "worker": N_("Worker"),
    "clickhouse": "ClickHouse",
    "reports": N_("Reports"),
}
STATES: Mapping[HopCondition, tuple[str, str]] = {
    "flows": ("good", N_("flows")),
    "idle": ("unknown", N_("idle")),
    "behind": ("warning", N_("look at it")),
    "stands_still": ("bad", N_("stands still")),
    "away": ("bad", N_("away")),
    "unknown": ("unknown", N_("cannot be seen")),
}
"""Shape and word of each condition."""
CAUSES: Mapping[HopCause, str] = {
    "": "",
    "no_answer": N_("It gives no answer."),
    "not_asked": N_("What knows of it cannot be asked just now."),
    "nobody_reads": N_("Nobody reads: no process of this role is in its consumer group."),
    "nothing_moves": N_("Records wait, and none is taken in."),
    "catching_up": N_("It is behind, and moves on."),
    "turned_away": N_("Requests are turned away (5xx)."),
    "partitions": N_("Partitions lack a leader or a replica in sync."),
    "old_numbers": N_("What readers see is old."),
    "nothing_came": N_("Nothing has come of late."),
}
FIRST: Mapping[RoadHopName, str] = {
    "gateway": N_("The gateway turns requests away"),
    "kafka": N_("Kafka gives no answer"),
    "worker": N_("The worker stands still"),
    "clickhouse": N_("ClickHouse takes nothing in"),
    "reports": N_("What readers see is old"),
}
ERRORS: Mapping[RoadHopName, str] = {
    "gateway": N_("Requests turned away, 5 min"),
    "kafka": N_("Partitions at fault"),
    "worker": N_("Lines it could not decode, 5 min"),
    "clickhouse": N_("Rows it refused, 5 min"),
    "reports": N_("Cells that differ"),
}
SUMS: Mapping[SumName, str] = {
    "received": N_("received = accepted + duplicate + rejected"),
    "published": N_("published = accepted + unanswered"),
    "counted": N_("published = counted + repeated + late + rejected"),
    "stored": N_("published = stored + repeated + rejected"),
    "kept": N_("rejected = kept + repeated rejects"),
}
MODES: Mapping[str, str] = {"accept": N_("takes in"), "refuse": N_("refuses"), "slow": N_("slowed down")}


def road_values(road: OperatorRoad, directory: Directory, words: Translator) -> dict[str, Any]:
    """Return what the page's template needs."""
    f = LocaleFormatter(words)
    now_ms = _ms(road.at)
    return {
        "at": f.exact(now_ms),
        "head": _head(road, words),
        "sums": _sums(road.sums, now_ms, words),
        "hops": [_hop(hop, words) for hop in road.hops],
        "accounts": [_account(one, now_ms, words) for one in road.accounts],
        "products": [_product(one, directory, now_ms, words) for one in road.products],
        "complete": f.exact(_ms(road.complete_until)) if road.complete_until else "",
        "store_why": road.store_why,
    }


def _head(road: OperatorRoad, words: Translator) -> dict[str, Any]:
    """Return what is wrong in one line, the sums before the hops, and what to do."""
    problems = []
    if road.sums.closed is False:
        problems.append((words.say("A conservation sum does not close"), road.sums.next_step))
    if road.sums.differences:
        text = words.say("Settled cells differ from what was counted live: %(n)s", n=road.sums.differences)
        problems.append((text, road.sums.next_step))
    hop = next((hop for hop in road.hops if hop.hop == road.first_broken), None)
    if hop is not None:
        problems.append((_broken(hop, words), hop.next_step))
    later = [hop for hop in road.hops if hop.condition == "behind"]
    state = "bad" if problems else "warning" if later or road.sums.closed is None else "good"
    names = words.say(BETWEEN_NAMES).join(words.say(HOPS[one.hop]) for one in later)
    good = words.say("Every hop flows, and every sum closes.")
    said = words.say("To be looked at: %(hops)s", hops=names) if later else good
    unknown = words.say("No hop is broken. The sums are not known yet.")
    return {
        "state": state,
        "problems": [{"text": text, "next": _next(step)} for text, step in problems],
        "text": unknown if road.sums.closed is None and not later else said,
    }


def _broken(hop: HopReading, words: Translator) -> str:
    if hop.cause == "nobody_reads":
        return words.say("%(hop)s: nobody reads", hop=words.say(HOPS[hop.hop]))
    return words.say(FIRST[hop.hop])


def _next(step: NextStep | None) -> dict[str, str] | None:
    return None if step is None else {"command": step.command, "runbook": step.runbook}


def _sums(sums: SumsReading, now_ms: int, words: Translator) -> dict[str, Any]:
    f = LocaleFormatter(words)
    return {
        "known": sums.at is not None,
        "why": sums.why,
        "ago": f.ago(_ms(sums.at), now_ms) if sums.at else "",
        "differences": f.whole(sums.differences or 0),
        "differ": bool(sums.differences),
        "rows": [
            {
                "name": words.say(SUMS[one.sum]),
                "state": "good" if one.closed else "bad",
                "word": words.say("closes") if one.closed else words.say("open"),
                "numbers": [f.whole(one.left), f.whole(one.right), f.whole(one.in_flight)],
            }
            for one in sums.sums
        ],
        "open": [
            {
                "name": words.say(SUMS[one.sum]),
                "of": " ".join(part for part in (one.account, one.source) if part) or NOTHING,
                "gap": f.whole(one.gap),
            }
            for one in sums.open
        ],
    }


def _hop(hop: HopReading, words: Translator) -> dict[str, Any]:
    f = LocaleFormatter(words)
    shape, word = STATES[hop.condition]
    return {
        "id": hop.hop,
        "name": words.say(HOPS[hop.hop]),
        "shape": shape,
        "word": words.say(word),
        "cause": words.say(CAUSES[hop.cause]) if hop.cause else "",
        "detail": hop.detail,
        "figures": [(words.say(name), value) for name, value in _figures(hop, f)],
        "next": _next(hop.next_step),
    }


def _figures(hop: HopReading, f: LocaleFormatter) -> list[tuple[str, str]]:
    found = []
    if hop.hop != "reports":
        unit = N_("Events a minute") if hop.rate_of == "events" else N_("Records a minute")
        found.append((unit, _number(hop.rate_per_min, f)))
    if hop.hop in {"worker", "clickhouse"}:
        found.append((N_("Records waiting"), _number(hop.lag_records, f)))
        found.append((N_("The oldest waits for"), _seconds(hop.lag_s, f)))
        found.append((N_("Processes"), _number(hop.readers, f)))
    if hop.hop == "reports":
        found.append((N_("Numbers complete until"), f.exact(_ms(hop.oldest_at)) if hop.oldest_at else NOTHING))
        found.append((N_("That is ago"), _seconds(hop.lag_s, f)))
    found.append((ERRORS[hop.hop], _number(hop.errors, f)))
    return found


def _number(value: float | None, f: LocaleFormatter) -> str:
    if value is None:
        return NOTHING
    return f.whole(value) if value >= 10 or value == round(value) else f.decimal(value, 1)


def _seconds(value: float | None, f: LocaleFormatter) -> str:
    return NOTHING if value is None else f.duration(value * 1000)


def _account(one: AccountState, now_ms: int, words: Translator) -> dict[str, Any]:
    f = LocaleFormatter(words)
    mode = words.say("not in the registry") if one.mode is None else words.say(MODES[one.mode])
    return {
        "id": one.account,
        "platform": one.platform,
        "counts": [f.whole(n) for n in (one.received, one.accepted, one.duplicate, one.rejected)],
        "last": f.ago(_ms(one.last_at), now_ms) if one.last_at else words.say("not within a week"),
        "silent": one.silent,
        "limited": f.whole(one.limited_requests) if one.limited_requests else "",
        "failed": f.whole(one.failed_requests) if one.failed_requests else "",
        "mode": mode,
        "marked": one.mode != "accept",
        "sandbox": one.sandbox,
    }


def _product(one: ProductState, directory: Directory, now_ms: int, words: Translator) -> dict[str, Any]:
    f = LocaleFormatter(words)
    known = directory.products.get(one.product)
    return {
        "id": one.product,
        "name": words.pick(known.name) if known else "",
        "rate": _number(one.events_per_min, f),
        "last": f.ago(_ms(one.last_at), now_ms) if one.last_at else words.say("not within a week"),
    }


def _ms(at: datetime | None) -> int:
    return 0 if at is None else round(at.timestamp() * 1000)
