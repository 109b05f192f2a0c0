"""What is worth telling, to whom, and how often: a digest of a week, or an alert."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from registry.directory import Directory
from reports.notifications.log import FrozenReport, told_key
from reports.notifications.readings import ArmReading
from reports.notifications.silences import PlacementSilence, TrialSilences
from reports.queries.spans import SHANGHAI
from reports.scope import Reader, owner_of, trials_seen
from runtime.settings import NotificationSettings
from schemas.registry import NotificationChannel, NotificationKind, Trial, epoch_ms
from schemas.timing import DAY_MS

ONCE: frozenset[NotificationKind] = frozenset({"verdict_reached", "report_frozen"})
"""Told once and not again: what they tell of does not end."""
WEEKLY: frozenset[NotificationKind] = frozenset({"digest", "guardrail_harmed"})
"""Told again in the next week, where it is still so; everything else on the next day."""


AlertFacts: TypeAlias = TrialSilences | PlacementSilence | ArmReading | FrozenReport


@dataclass(frozen=True, slots=True)
class TrialAlert:
    """Something that happened to a trial. *subject* tells it from others of its kind: a placement, a metric and arm."""

    kind: NotificationKind
    trial_id: str
    subject: str
    facts: AlertFacts


def silence_alerts(trial_id: str, found: TrialSilences) -> tuple[TrialAlert, ...]:
    """Return one alert of the whole trial where nobody reports, else one of each silent placement."""
    if found.whole:
        return (TrialAlert("trial_silent", trial_id, "", found),)
    return tuple(TrialAlert("placement_silent", trial_id, one.placement_id, one) for one in found.silent)


def reading_alerts(trial_id: str, found: Iterable[ArmReading]) -> tuple[TrialAlert, ...]:
    """Return an alert of each guardrail that is shown to be worse, and of each arm that a primary metric judges."""
    alerts = []
    for reading in found:
        subject = f"{reading.metric} {reading.arm} {reading.state}"
        if reading.role == "guardrail" and reading.state == "bad":
            alerts.append(TrialAlert("guardrail_harmed", trial_id, subject, reading))
        if reading.role == "primary" and reading.state != "unknown":
            alerts.append(TrialAlert("verdict_reached", trial_id, subject, reading))
    return tuple(alerts)


def frozen_alerts(trial_ids: Collection[str], found: Iterable[FrozenReport]) -> tuple[TrialAlert, ...]:
    """Return an alert of each frozen report of *trial_ids*."""
    return tuple(TrialAlert("report_frozen", f.trial_id, f.report_id, f) for f in found if f.trial_id in trial_ids)


def period_of(kind: NotificationKind, now_ms: int) -> str:
    """Return the day or week (Shanghai) in which *kind* is told at most once, or '' where it is told once for all."""
    if kind in ONCE:
        return ""
    now = datetime.fromtimestamp(now_ms // 1000, SHANGHAI)
    if kind in WEEKLY:
        year, week, _ = now.isocalendar()
        return f"{year}-W{week:02}"
    return now.date().isoformat()


def alert_key(channel: NotificationChannel, alert: TrialAlert, now_ms: int) -> str:
    """Return the key of *alert*'s message to *channel*."""
    return told_key(channel.id, alert.kind, alert.trial_id, alert.subject, period_of(alert.kind, now_ms))


def digest_key(channel: NotificationChannel, now_ms: int) -> str:
    """Return the key of this week's digest to *channel*."""
    return told_key(channel.id, "digest", "", "", period_of("digest", now_ms))


def digest_due(settings: NotificationSettings, now_ms: int) -> bool:
    """Tell whether this week's digest's hour has come: who was down at that hour tells it later in the week."""
    now = datetime.fromtimestamp(now_ms // 1000, SHANGHAI)
    return (now.isoweekday(), now.hour) >= (settings.digest_weekday, settings.digest_hour)


def reader_of_channel(channel: NotificationChannel, directory: Directory) -> Reader | None:
    """Return who the channel reads as: the startup that it, or its trial, belongs to; None where there is none."""
    startup_id = owner_of(channel, directory)
    if startup_id is None:
        return None
    return Reader(f"channel {channel.id}", f"startup:{startup_id}", startup_id, trial_id=channel.trial)


def trials_of_channel(channel: NotificationChannel, directory: Directory) -> tuple[Trial, ...]:
    """Return the trials that *channel* is told of; what its startup may not see is never among them."""
    reader = reader_of_channel(channel, directory)
    return () if reader is None else trials_seen(reader, directory)


def running(trial: Trial, now_ms: int) -> bool:
    """Tell whether the trial runs now."""
    return epoch_ms(trial.starts) <= now_ms < epoch_ms(trial.ends)


def in_digest(trial: Trial, now_ms: int) -> bool:
    """Tell whether a digest of now speaks of the trial: one that runs, or ended within its week."""
    return epoch_ms(trial.starts) <= now_ms < epoch_ms(trial.ends) + 7 * DAY_MS
