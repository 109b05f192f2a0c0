"""Until when what belongs to a trial is kept: its stored events, and the hash key of its pseudonyms."""

from runtime.settings import Settings
from schemas.registry import Registry, Trial, epoch_ms
from schemas.timing import DAY_MS


def retention_ms(registry: Registry, settings: Settings) -> int:
    """Return how long a trial's events are kept after its end, in ms.

    Never less than an event of its time may still come: by an account that may send old ones, or by the replay of a
    reject, which is judged by the time of its first receipt.
    """
    own = [account.max_event_age_days or 0 for account in registry.accounts]
    coming_days = max([settings.gateway.max_event_age_days, *own]) + settings.clickhouse.reject_retention_days
    return max(settings.clickhouse.event_retention_days, coming_days) * DAY_MS


def kept_until_ms(trial: Trial, registry: Registry, settings: Settings) -> int:
    """Return the moment, Unix ms, until which *trial*'s events and hash key are kept."""
    return epoch_ms(trial.ends) + retention_ms(registry, settings)
