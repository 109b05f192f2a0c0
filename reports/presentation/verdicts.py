"""What a verdict stands on and why there is none, in words: pages, API and report say it alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.metrics import METRICS
from reports.presentation.differences import LiftFormatter
from reports.presentation.labels import BETWEEN_CLAUSES, N_
from reports.presentation.language import Translator
from reports.presentation.names import arm_name
from reports.queries.home_verdicts import PrimaryVerdict
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.readout import ArmLift, ArmReadout, HarmReading
from reports.stats.trial_rows import Design
from schemas.registry import MetricId

VerdictState = Literal["good", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class DesignWords:
    """What a design compares, what cancels in that, what does not, and what would let it say more."""

    name: str
    compared: str
    cancels: str
    remains: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """Why there is no interval, and what to do about it."""

    reason: str
    next_step: str


_CHANGE_ARMS = N_(
    "let places change arm by day or by week, or register a baseline period (baseline_from) before the next start"
)

DESIGNS: Mapping[Design, DesignWords] = {
    "switching": DesignWords(
        name=N_("switching"),
        compared=N_("each place with itself: its days in the one arm against its days in the other"),
        cancels=N_(
            "how good or bad a place is cancels; so does what the whole street shares on a day "
            "(weather, weekday, holidays), where places change arm on different days"
        ),
        remains=N_("what happens at one place on one day does not cancel: it is the margin of error"),
    ),
    "before_after": DesignWords(
        name=N_("before and after, with comparison"),
        compared=N_(
            "change with change: by how much each place changed since its baseline period, arm against baseline"
        ),
        cancels=N_("how good or bad a place is cancels, and so does what the whole street shares on a day"),
        remains=N_("a change of one place that happens to come with the trial does not cancel"),
    ),
    "side_by_side": DesignWords(
        name=N_("side by side"),
        compared=N_("places with places: the mean of the one arm's places against the mean of the other's"),
        cancels=N_("what the whole street shares on a day cancels"),
        remains=N_(
            "how good or bad a place is does not cancel: it is the margin of error, and only more "
            "places make it smaller, not more days"
        ),
        next_step=_CHANGE_ARMS,
    ),
    "one_place": DesignWords(
        name=N_("no comparison"),
        compared=N_(
            "nothing: an arm has one place only and there is no time before, so place and arm cannot be told apart"
        ),
        cancels=N_("nothing cancels"),
        remains=N_("a difference of the arms may be no more than that of their places"),
        next_step=_CHANGE_ARMS,
    ),
    "one_arm": DesignWords(
        name=N_("one arm"),
        compared=N_("there is one arm only, and nothing to compare it with"),
        cancels=N_("nothing cancels"),
        remains=N_("a change over time may come from season, weather or novelty"),
        next_step=N_("register a second arm, and let places change between the two"),
    ),
}

REASONS: Mapping[ReadoutWhy, ReasonWords] = {
    "no_data": ReasonWords(
        N_("nothing to compute from yet"),
        N_("send the events that this metric is made of; today's count once the day is over"),
    ),
    "too_few_days": ReasonWords(
        N_("too few days yet to know how much one day differs from another"),
        N_("let the trial go on; it is judged anew each day"),
    ),
    "too_few_changes": ReasonWords(
        N_("all places changed arm together, and too rarely to tell the arm from what the street shared on those days"),
        N_("let places change arm more often, or on different days"),
    ),
    "no_spread": ReasonWords(
        N_("all placement-days are the same: nothing to judge the error by"),
        N_("look whether this is measured at all"),
    ),
    "one_place": ReasonWords(N_("place and arm cannot be told apart"), _CHANGE_ARMS),
    "one_arm": ReasonWords(
        N_("there is no second arm to compare with"),
        N_("register a second arm, and let places change between the two"),
    ),
    "not_reported": ReasonWords(
        N_("refunds of this platform are not reported"),
        N_("ask for the platform's refund messages, or push refunds in batches"),
    ),
    "beyond_seen": ReasonWords(
        N_("the interval reaches beyond the shortest or longest use seen"),
        N_("more uses with a duration make it narrower"),
    ),
}

_SHORT_REASONS: Mapping[ReadoutWhy, str] = {
    "no_data": N_("no data yet"),
    "too_few_days": N_("too few days"),
    "too_few_changes": N_("too few changes of arm"),
    "no_spread": N_("no spread between days"),
    "one_place": N_("place and arm not told apart"),
    "one_arm": N_("one arm only"),
    "not_reported": N_("not reported"),
    "beyond_seen": N_("beyond what was seen"),
}
"""Why there is no interval, in a word that fits into a picture."""


def short_reason(why: ReadoutWhy | None) -> str:
    """Return the message for why there is no interval, in a word; none known: no data."""
    return _SHORT_REASONS[why or "no_data"]


NOT_YET_CHANGED = ReasonWords(
    N_("place and arm cannot be told apart so far: no place has changed its arm yet"),
    N_("the next change of arms makes them comparable"),
)
"""Where places are to change arm, and none has."""

_HARM: Mapping[HarmReading, str] = {
    "harmed": N_("harmed"),
    "unclear": N_("no harm told; up to %(worst)s is possible"),
    "kept": N_("no harm: its interval holds none"),
    "unknown": N_("not known yet"),
}
HARM_STATES: Mapping[HarmReading, VerdictState] = {
    "harmed": "bad",
    "unclear": "unknown",
    "kept": "good",
    "unknown": "unknown",
}
"""How what is read of a guardrail is marked: what is not told apart from harm is no good news."""


def harm_words(metric: MetricId, lift: ArmLift, words: Translator) -> str:
    """Say what is read of a guardrail, with how much harm its interval leaves possible; '' where nothing is read."""
    if lift.harm is None:
        return ""
    worst = LiftFormatter(words).worst(metric, lift) if lift.harm == "unclear" else ""
    return words.say(_HARM[lift.harm], worst=worst)


def reading_of(metric: MetricId, low: float | None, high: float | None) -> str:
    """Return the message for what bounds of a difference say; they are known."""
    if low is None or high is None or low <= 0 <= high:
        return N_("no difference shown so far")
    better = METRICS[metric].better
    if better == "neither":
        return N_("differs from the baseline")
    if (low > 0) == (better == "higher"):
        return N_("better than the baseline")
    return N_("worse than the baseline")


def read_bounds(lift: ArmLift) -> tuple[float | None, float | None]:
    """Return the bounds of a lift as they are read.

    Of several that decide, a difference may be told (Holm) though its interval, which has an even share of the risk,
    still holds 0: that is read by its direction alone.
    """
    low, high = lift.absolute_low, lift.absolute_high
    if low is not None and high is not None and lift.told and low <= 0 <= high:
        return lift.absolute, lift.absolute
    return low, high


def state_of(metric: MetricId, low: float, high: float) -> VerdictState:
    """Return how what `reading_of` says of bounds is marked."""
    better = METRICS[metric].better
    if low <= 0 <= high or better == "neither":
        return "unknown"
    return "good" if (low > 0) == (better == "higher") else "bad"


def days_words(lift: ArmLift | None, words: Translator) -> str:
    """Say how long it will be until the smallest effect looked for would be told; nothing where it already is."""
    if lift is None or lift.absolute_low is None or lift.absolute_high is None:
        return ""
    if lift.told or not lift.absolute_low <= 0 <= lift.absolute_high:
        return ""
    low, high = lift.days_low, lift.days_high
    if low is None and not lift.days_worked_out:
        return words.say("how many more days it takes is not worked out for this comparison")
    if low is None:
        return words.say("as it is, the trial will not find the smallest difference looked for")
    return _days_between(low, high, words)


def _days_between(low: int, high: int | None, words: Translator) -> str:
    if high is None:
        return words.count("at least %(n)s day more", "at least %(n)s days more", low, n=low)
    if high == 0:
        return words.say("a difference as large as looked for would have been seen")
    if low == high:
        return words.count("about %(n)s day more", "about %(n)s days more", low, n=low)
    return words.say("about %(low)s to %(high)s more days", low=low, high=high)


@dataclass(frozen=True, slots=True)
class VerdictSentence:
    """A trial's verdict in one sentence, and how it is marked."""

    text: str
    state: VerdictState
    parts: tuple["VerdictSentence", ...] = ()
    """Of several metrics or arms, each one's own sentence and mark: one that is better must not colour the others."""


def verdict_sentence(found: PrimaryVerdict, words: Translator) -> VerdictSentence:
    """Return what the primary metrics say so far, in one sentence for each and each arm that is compared."""
    compared = [row for row in found.rows if row.lift is not None]
    told = [_of_arm(row, found, words) for row in compared]
    if not told:
        return VerdictSentence(words.say("One arm only: nothing is compared."), "unknown")
    if len({row.metric for row in compared}) > 1:
        told = _of_metrics(compared, told, words)
    states = {one.state for one in told}
    state: VerdictState = "bad" if "bad" in states else "good" if "good" in states else "unknown"
    text = (" " if words.language == "en" else "").join(one.text for one in told)
    return VerdictSentence(text, state, tuple(told) if len(told) > 1 else ())


def _of_metrics(
    rows: Sequence[ArmReadout], told: Sequence[VerdictSentence], words: Translator
) -> list[VerdictSentence]:
    """Return what is *told* of each of *rows* with the metric's name; once, where it is the same of all of them."""
    if len({one.text for one in told}) == 1:
        return [told[0]]
    return [
        VerdictSentence(
            words.say("%(metric)s – %(said)s", metric=words.pick(METRICS[row.metric].name), said=one.text), one.state
        )
        for row, one in zip(rows, told, strict=True)
    ]


def _of_arm(row: ArmReadout, found: PrimaryVerdict, words: Translator) -> VerdictSentence:
    lift = row.lift or ArmLift()
    low, high = read_bounds(lift)
    if low is None or high is None:
        reason = reason_words(lift.why or "no_data", found.planned_design).reason
        return VerdictSentence(words.say("No verdict: %(reason)s.", reason=words.say(reason)), "unknown")
    formats = LiftFormatter(words)
    said = words.say(
        "%(arm)s: %(reading)s, %(lift)s (%(interval)s)",
        arm=arm_name(row.arm, words),
        reading=words.say(reading_of(row.metric, low, high)),
        lift=formats.value(row.metric, lift),
        interval=formats.interval(row.metric, lift),
    )
    silence = words.say("silent days could change it") if lift.silence and lift.silence.changes else ""
    days = days_words(lift, words) if found.smallest_effect and row.metric == found.rows[0].metric else ""
    parts = [part for part in (said, silence, days) if part]
    end = "。" if words.language == "zh" else "."
    return VerdictSentence(words.say(BETWEEN_CLAUSES).join(parts) + end, state_of(row.metric, low, high))


def reason_words(why: ReadoutWhy, planned: Design) -> ReasonWords:
    """Return the words for *why*, as far as the trial's *planned* design makes them other ones."""
    return NOT_YET_CHANGED if why == "one_place" and planned == "switching" else REASONS[why]
