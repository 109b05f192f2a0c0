"""Who may see what: from an access key and the registry in force to the products and trials it shows.

What a reader may not see does not exist for it: every look-up gives None for both, so no caller can tell.
"""

from dataclasses import dataclass

from registry.directory import Directory
from schemas.registry import AccessKey, NotificationChannel, Product, Trial

STARTUP = "startup:"
ACCOUNT = "account:"
SEES_ALL = frozenset({"operator", "programme"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone who may read: `startup_id` is None for the programme and operators, who see every trial.

    Of a share link `trial_id` is the one trial it shows, `scope` is `share`, and `key_id` is the link's own id.
    """

    key_id: str
    scope: str
    startup_id: str | None
    trial_id: str | None = None


@dataclass(frozen=True, slots=True)
class AccountReader:
    """A partner's account: it reads what became of its own calls, and no trial."""

    key_id: str
    scope: str
    account_id: str


def account_of_key(key: AccessKey, directory: Directory) -> AccountReader | None:
    """Return the account that *key* is of, None where its scope is another or the registry has no such account."""
    account_id = key.scope.removeprefix(ACCOUNT)
    if not key.scope.startswith(ACCOUNT) or account_id not in directory.accounts:
        return None
    return AccountReader(key_id=key.id, scope=key.scope, account_id=account_id)


def reader_of_key(key: AccessKey) -> Reader | None:
    """Return the reader that *key* makes, or None where its scope is for sending only."""
    if key.scope in SEES_ALL:
        return Reader(key_id=key.id, scope=key.scope, startup_id=None)
    if key.scope.startswith(STARTUP):
        return Reader(key_id=key.id, scope=key.scope, startup_id=key.scope.removeprefix(STARTUP))
    return None


def product_seen(reader: Reader, directory: Directory, product_id: str) -> Product | None:
    """Return the product where *reader* may see it; None where not, exactly as where there is none."""
    product = directory.products.get(product_id)
    if product is None or reader.startup_id not in {None, product.startup}:
        return None
    if reader.trial_id is not None and product_id != getattr(directory.trials.get(reader.trial_id), "product", None):
        return None
    return product


def trial_seen(reader: Reader, directory: Directory, trial_id: str) -> Trial | None:
    """Return the trial where *reader* may see it; None where not, exactly as where there is none."""
    trial = directory.trials.get(trial_id)
    if trial is None or reader.trial_id not in {None, trial_id}:
        return None
    return None if product_seen(reader, directory, trial.product) is None else trial


def channels_seen(reader: Reader, directory: Directory) -> tuple[NotificationChannel, ...]:
    """Return the channels that *reader* may see and try, by id: a startup's own, and an operator's all."""
    found = (directory.channels[channel_id] for channel_id in sorted(directory.channels))
    return tuple(channel for channel in found if _may_try(reader, channel, directory))


def owner_of(channel: NotificationChannel, directory: Directory) -> str | None:
    """Return the startup that *channel*, or the trial it is for, belongs to; None where there is none."""
    if channel.trial is None:
        return channel.startup
    trial = directory.trials.get(channel.trial)
    product = directory.products.get(trial.product) if trial else None
    return product.startup if product else None


def _may_try(reader: Reader, channel: NotificationChannel, directory: Directory) -> bool:
    if reader.trial_id is not None:
        # Who was shown one trial is told of nothing, and makes nobody hear anything.
        return False
    if reader.startup_id is None:
        return reader.scope == "operator"
    return owner_of(channel, directory) == reader.startup_id


def products_seen(reader: Reader, directory: Directory) -> tuple[Product, ...]:
    """Return what *reader* may see, by id."""
    found = (product_seen(reader, directory, product_id) for product_id in sorted(directory.products))
    return tuple(product for product in found if product is not None)


def trials_seen(reader: Reader, directory: Directory) -> tuple[Trial, ...]:
    """Return what *reader* may see, newest start first."""
    found = (trial_seen(reader, directory, trial_id) for trial_id in sorted(directory.trials))
    return tuple(sorted((t for t in found if t is not None), key=lambda t: t.starts, reverse=True))
