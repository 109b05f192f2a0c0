"""Alerts and digests in words: what happened, why, and the next step. Short, about numbers, never about a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.directory import Directory
from reports.notifications.causes import TrialAlert
from reports.notifications.log import FrozenReport
from reports.notifications.readings import ArmReading
from reports.notifications.silences import PlacementSilence, TrialSilences
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import BETWEEN_NAMES
from reports.presentation.language import Translator
from reports.presentation.names import placement_name
from reports.queries.model import Freshness
from schemas.registry import Trial, epoch_ms
from schemas.timing import DAY_MS

REPORT_ID_SHOWN = 16
"""Of a frozen report's id: enough to find it by."""


@dataclass(frozen=True, slots=True)
class AlertText:
    """A message's title and body."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class TrialDigest:
    """What a digest says of one trial."""

    trial: Trial
    readings: tuple[ArmReading, ...]
    silences: TrialSilences
    freshness: Freshness
    missing_units: int
    """Placement-days that were due and sent nothing."""


@dataclass(frozen=True, slots=True)
class MessageWriter:
    """Writes messages in one language."""

    directory: Directory
    words: Translator
    base_url: str
    now_ms: int

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def alert(self, alert: TrialAlert) -> AlertText:
        """Return *alert* in words: what, why, and what to do next."""
        what, why, next_step = self._parts(alert)
        trial = self.directory.trials[alert.trial_id]
        title = self.words.say("%(trial)s: %(what)s", trial=self._trial_name(trial), what=what)
        return AlertText(title, "\n".join((why, self.words.say("Next: %(step)s", step=next_step))))

    def digest(self, trials: Sequence[TrialDigest]) -> AlertText:
        """Return the week's digest of *trials*."""
        title = self.words.say("This week on the avenue, %(day)s", day=self._formats.date(self.now_ms))
        return AlertText(title, "\n\n".join("\n".join(self._digest_lines(found)) for found in trials))

    def test(self, channel_id: str) -> AlertText:
        """Return what a test says."""
        return AlertText(
            self.words.say("Test of channel %(channel)s", channel=channel_id),
            self.words.say("This channel works. Nothing has happened to a trial."),
        )

    def link(self, trial_id: str) -> str:
        """Return the address of a trial's page, of all trials where *trial_id* is ''."""
        return f"{self.base_url}/trials" + (f"/{trial_id}" if trial_id else "")

    def _trial_name(self, trial: Trial) -> str:
        return f"{self.words.pick(self.directory.products[trial.product].name)} {trial.id}"

    def _parts(self, alert: TrialAlert) -> tuple[str, str, str]:
        match alert.facts:
            case TrialSilences() as found:
                return self._trial_silent(found)
            case PlacementSilence() as found:
                return self._placement_silent(found)
            case FrozenReport() as found:
                return self._frozen(found)
            case ArmReading() as found if found.role == "guardrail":
                return self._harmed(found)
            case ArmReading() as found:
                return self._reached(found)

    def _trial_silent(self, found: TrialSilences) -> tuple[str, str, str]:
        last = max((one.last_ms for one in found.silent if one.last_ms is not None), default=None)
        since = self._since(last, min(one.quiet_ms for one in found.silent))
        return (
            self.words.say("the whole trial is silent"),
            self.words.count(
                "%(n)s placement is due and does not report; %(since)s.",
                "%(n)s placements are due and none of them reports; %(since)s.",
                found.due,
                n=found.due,
                since=since,
            ),
            self.words.say(
                "look whether the devices have power and network and the platform still pushes; "
                "then at the reject reasons on the trial's page."
            ),
        )

    def _placement_silent(self, found: PlacementSilence) -> tuple[str, str, str]:
        name = placement_name(found.placement_id, self.directory, self.words)
        return (
            self.words.say("placement %(name)s is silent", name=name),
            self.words.say(
                "It is open and does not report; %(since)s.", since=self._since(found.last_ms, found.quiet_ms)
            ),
            self.words.say(
                "look at the device at this place: power, network, and whether its account still pushes. "
                "Silent days are left out, and make the trial longer."
            ),
        )

    def _since(self, last_ms: int | None, quiet_ms: int) -> str:
        quiet = self._formats.duration(quiet_ms)
        if last_ms is None:
            return self.words.say("no event for %(quiet)s of opening time", quiet=quiet)
        moment = self._formats.moment(last_ms)
        return self.words.say(
            "the last event was on %(moment)s, %(quiet)s of opening time ago", moment=moment, quiet=quiet
        )

    def _harmed(self, found: ArmReading) -> tuple[str, str, str]:
        name = self.words.pick(found.name)
        return (
            self.words.say("guardrail %(metric)s got worse", metric=name),
            self._verdict_line(found),
            self.words.say("see on the trial's page since when and at which places, and consider to pause this arm."),
        )

    def _reached(self, found: ArmReading) -> tuple[str, str, str]:
        return (
            self.words.say("the primary metric has a verdict"),
            self._verdict_line(found),
            self.words.say(
                "read the health lines above the numbers first; to show it to others, ask for a frozen report."
            ),
        )

    def _frozen(self, found: FrozenReport) -> tuple[str, str, str]:
        return (
            self.words.say("a report was frozen"),
            self.words.say(
                "Report %(id)s was frozen on %(moment)s. It never changes again.",
                id=found.report_id[:REPORT_ID_SHOWN],
                moment=self._formats.moment(found.frozen_ms),
            ),
            self.words.say("keep the file: it is signed, and a later report says what differs from it."),
        )

    def _verdict_line(self, found: ArmReading) -> str:
        """Return such as `Success rate, Pilot: better than the baseline (+12.9 points, +5.1 to +20.2)`."""
        return self.words.say(
            "%(metric)s, %(arm)s: %(verdict)s",
            metric=self.words.pick(found.name),
            arm=self.words.pick(found.arm_name),
            verdict=self._judged(found),
        )

    def _judged(self, found: ArmReading) -> str:
        between = self.words.say(", ").join(
            text for text in map(self.words.pick, (found.lift, found.lift_interval)) if text
        )
        verdict = self.words.pick(found.verdict)
        return self.words.say("%(verdict)s (%(between)s)", verdict=verdict, between=between) if between else verdict

    def _digest_lines(self, found: TrialDigest) -> Iterable[str]:
        yield f"■ {self._trial_name(found.trial)}"
        yield self._state(found.trial)
        yield from (self._reading_line(reading) for reading in found.readings if reading.role == "primary")
        for reading in found.readings:
            # One that is not told apart from harm is said, too: silence would pass for kept.
            if reading.role == "guardrail" and reading.state != "good" and self.words.pick(reading.lift_interval):
                yield self.words.say("Guardrail: %(line)s", line=self._verdict_line(reading))
        yield self._fresh(found.freshness)
        yield from self._missing(found)
        yield self.link(found.trial.id)

    def _reading_line(self, found: ArmReading) -> str:
        """Return an arm's value, and its verdict where there is something to compare it with."""
        line = self.words.say(
            "%(metric)s, %(arm)s: %(verdict)s",
            metric=self.words.pick(found.name),
            arm=self.words.pick(found.arm_name),
            verdict=self.words.pick(found.estimate),
        )
        if not found.compared:
            return line
        days = self.words.pick(found.days)
        judged = self.words.say(", ").join(text for text in (self._judged(found), days) if text)
        return self.words.say("%(line)s; %(verdict)s", line=line, verdict=judged)

    def _state(self, trial: Trial) -> str:
        starts, ends = epoch_ms(trial.starts), epoch_ms(trial.ends)
        days = -(-(ends - starts) // DAY_MS)
        if self.now_ms >= ends:
            return self.words.count("Ended after %(n)s day", "Ended after %(n)s days", days, n=days)
        day = (self.now_ms - starts) // DAY_MS + 1
        return self.words.say("Running, day %(day)s of %(days)s", day=day, days=days)

    def _fresh(self, found: Freshness) -> str:
        if found.as_of_ms is None:
            return self.words.say("No event has come yet.")
        return self.words.say(
            "Data up to %(moment)s; rejected: %(rejected)s",
            moment=self._formats.moment(found.as_of_ms),
            rejected=self._formats.whole(found.rejected),
        )

    def _missing(self, found: TrialDigest) -> Iterable[str]:
        if found.missing_units:
            yield self.words.count(
                "Missing: %(n)s placement-day sent nothing",
                "Missing: %(n)s placement-days sent nothing",
                found.missing_units,
                n=self._formats.whole(found.missing_units),
            )
        if found.silences.silent:
            names = [placement_name(one.placement_id, self.directory, self.words) for one in found.silences.silent]
            yield self.words.say("Silent now: %(names)s", names=self.words.say(BETWEEN_NAMES).join(names))
