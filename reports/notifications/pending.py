"""What a channel is still to be told: the alerts and the digest of its own trials, less what was told already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.directory import Directory
from reports.notifications.causes import (
    TrialAlert,
    alert_key,
    digest_due,
    digest_key,
    frozen_alerts,
    in_digest,
    reading_alerts,
    running,
    silence_alerts,
    trials_of_channel,
)
from reports.notifications.log import NotificationState
from reports.notifications.messages import AlertText, MessageWriter, TrialDigest
from reports.notifications.readings import ArmReading, readings
from reports.notifications.silences import NOBODY, TrialSilences, silences
from reports.presentation.language import translator
from reports.queries.context import QueryContext
from reports.queries.freshness import freshness
from reports.queries.trial_units import so_far, trial_units
from runtime.metrics import PLACEMENTS_SILENT
from runtime.settings import Settings
from schemas.registry import NotificationChannel, Trial
from schemas.timing import DAY_MS


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that is to be told, under the key of its claim."""

    key: str
    kind: str
    trial_id: str
    text: AlertText
    link: str


class PendingMessages:
    """Finds what is pending. It keeps readouts for as long as a setting allows, and nothing else."""

    def __init__(self, settings: Settings, *, began_ms: int) -> None:
        self._settings = settings.notification
        self._http = settings.http
        self._quiet_until_ms = began_ms + round(self._settings.start_s * 1000)
        self._read: dict[str, tuple[int, tuple[ArmReading, ...]]] = {}

    def of(
        self, channel: NotificationChannel, context: QueryContext, state: NotificationState
    ) -> Iterator[PendingMessage]:
        """Give what *channel* is to be told now."""
        trials = [t for t in trials_of_channel(channel, context.directory) if in_digest(t, context.now_ms)]
        writer = self.writer(channel, context.directory, context.now_ms)
        for alert in self._alerts(context, trials, state):
            key = alert_key(channel, alert, context.now_ms)
            if alert.kind in channel.tells and key not in state.told:
                link = writer.link(alert.trial_id)
                yield PendingMessage(key, alert.kind, alert.trial_id, writer.alert(alert), link)
        key = digest_key(channel, context.now_ms)
        due = "digest" in channel.tells and digest_due(self._settings, context.now_ms)
        if due and trials and key not in state.told:
            text = writer.digest([self._digest(context, trial) for trial in trials])
            yield PendingMessage(key, "digest", "", text, writer.link(""))

    def count_silent(self, context: QueryContext) -> None:
        """Set the operators' gauge: how many placements of each running trial are silent."""
        PLACEMENTS_SILENT.clear()
        for trial in context.directory.trials.values():
            if running(trial, context.now_ms):
                PLACEMENTS_SILENT.labels(trial.id).set(len(self._silences(context, trial).silent))

    def writer(self, channel: NotificationChannel, directory: Directory, now_ms: int) -> MessageWriter:
        """Return who writes in the channel's language."""
        base_url = (self._http.public_url or f"http://{self._http.host}:{self._http.port}").rstrip("/")
        return MessageWriter(directory, translator(channel.language), base_url, now_ms)

    def _alerts(self, context: QueryContext, trials: Sequence[Trial], state: NotificationState) -> Iterator[TrialAlert]:
        for trial in trials:
            if running(trial, context.now_ms):
                yield from silence_alerts(trial.id, self._silences(context, trial))
            yield from reading_alerts(trial.id, self._readings(context, trial))
        oldest_ms = context.now_ms - self._settings.frozen_days * DAY_MS
        recent = [report for report in state.frozen if report.frozen_ms >= oldest_ms]
        yield from frozen_alerts({trial.id for trial in trials}, recent)

    def _silences(self, context: QueryContext, trial: Trial) -> TrialSilences:
        if context.now_ms < self._quiet_until_ms:
            return NOBODY
        key = "silences", trial.id
        if key not in context.memo:
            context.memo[key] = silences(context, trial.id, least_ms=round(self._settings.silent_s * 1000))
        found: TrialSilences = context.memo[key]
        return found

    def _readings(self, context: QueryContext, trial: Trial) -> tuple[ArmReading, ...]:
        at_ms, found = self._read.get(trial.id, (None, ()))
        if at_ms is None or not 0 <= context.now_ms - at_ms < self._settings.judge_every_s * 1000:
            found = readings(context, trial.id)
            self._read[trial.id] = context.now_ms, found
        return found

    def _digest(self, context: QueryContext, trial: Trial) -> TrialDigest:
        return TrialDigest(
            trial=trial,
            readings=self._readings(context, trial),
            silences=self._silences(context, trial) if running(trial, context.now_ms) else NOBODY,
            freshness=freshness(context, trial.id, so_far(context, trial.id)),
            missing_units=len(trial_units(context, trial.id).silent),
        )
