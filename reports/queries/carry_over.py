"""Days after a change of arm that a trial leaves out of its units: what was there before may still work then."""

from registry.directory import Directory
from schemas.timing import DAY_MS, day_of


def left_out_days(directory: Directory, trial_id: str) -> frozenset[tuple[str, int]]:
    """Return the places and days (their start, Unix ms) that the trial's `carry_over` leaves out of its units.

    Those are the days from each change of a place's arm on, as many as are registered; the first arm that a place has
    in the trial is no change.
    """
    days = directory.trials[trial_id].carry_over_days
    if not days:
        return frozenset()
    return frozenset(
        (place, changed_ms + number * DAY_MS)
        for place, changed_ms in _changes(directory, trial_id)
        for number in range(days)
    )


def _changes(directory: Directory, trial_id: str) -> list[tuple[str, int]]:
    """Return each place of the trial with each day on which it is in another arm than on the last day it stood."""
    span = directory.trial_spans[trial_id]
    arms: dict[str, dict[int, str]] = {}
    for placed in directory.placed.values():
        during = max(placed.from_ms, span.starts_ms), min(placed.until_ms, span.ends_ms)
        if placed.trial_id != trial_id or during[0] >= during[1]:
            continue
        for arm, (start, _) in placed.by_arm([during]):
            arms.setdefault(placed.place_id, {})[start] = arm
    found = []
    for place, by_start in arms.items():
        before = None
        for start, arm in sorted(by_start.items()):
            if before is not None and arm != before:
                found.append((place, day_of(start)))
            before = arm
    return found
