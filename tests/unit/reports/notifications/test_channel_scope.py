"""Whose a channel is: it hears of its startup's trials, or of its one trial, whatever the registry holds."""

import pytest

from reports.notifications.causes import trials_of_channel
from reports.scope import Reader, channels_seen
from schemas.registry import NotificationChannel
from tests.support.reports_harness import directory

CHANNELS = [
    {"id": "cw", "startup": "calmwave", "address": "env:A"},
    {"id": "cw-trial", "trial": "neuro", "address": "env:A"},
    {"id": "lb", "startup": "limbus", "address": "env:A"},
]


def test_a_channel_hears_of_its_owners_trials_alone() -> None:
    known = directory(channels=[*CHANNELS, {"id": "lb-trial", "trial": "emg", "address": "env:A"}])

    heard = {name: [trial.id for trial in trials_of_channel(c, known)] for name, c in known.channels.items()}

    assert heard == {"cw": ["neuro"], "cw-trial": ["neuro"], "lb": ["emg"], "lb-trial": ["emg"]}


@pytest.mark.parametrize("fields", [{"trial": "gone"}, {"startup": "gone"}])
def test_a_channel_of_what_is_not_there_hears_nothing_and_is_seen_by_operators_alone(fields: dict[str, str]) -> None:
    known = directory(channels=[{"id": "c", "address": "env:A", **fields}])

    assert trials_of_channel(NotificationChannel(id="c", address="env:A", **fields), known) == ()
    assert channels_seen(Reader("k", "startup:calmwave", "calmwave"), known) == ()
    assert [c.id for c in channels_seen(Reader("k", "operator", None), known)] == ["c"]


def test_who_was_shown_one_trial_by_a_link_tries_no_channel() -> None:
    known = directory(channels=CHANNELS)

    assert channels_seen(Reader("s-1", "share", "calmwave", trial_id="neuro"), known) == ()
    assert channels_seen(Reader("s-1", "share", None, trial_id="neuro"), known) == ()
    assert [c.id for c in channels_seen(Reader("k", "startup:calmwave", "calmwave"), known)] == ["cw", "cw-trial"]
