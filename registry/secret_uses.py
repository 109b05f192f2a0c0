"""Which of an account's signing secrets verified a push, and in which hour: kept as the uses of access keys are.

A secret is known by its place in the registry: its reference, which holds nothing of it; a `plain:` one, which is the
secret, by its number from the oldest on, so that a new one before it changes no name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.key_uses import KeyUses
from registry.secrets import SecretResolver, secret_name
from schemas.registry import Account

_PREFIX = "secret:"


class SecretUses:
    """Notes uses where *uses* says, None: nowhere; *resolver* tells which reference gives a secret now."""

    def __init__(self, resolver: SecretResolver, uses: Callable[[], KeyUses | None]) -> None:
        self._resolver = resolver
        self._uses = uses

    def note(self, account: Account, flow: str, secret: bytes, now_ms: int) -> None:
        """Note that *secret* verified a push to *flow* at *now_ms*."""
        name = secret_name(flow)
        for label, reference in labelled(account.secrets.get(name, ())):
            if self._resolver.value_of(reference)[0] == secret:
                if (uses := self._uses()) is not None:
                    uses.note(use_name(account.id, name, label), now_ms)
                return


def labelled(references: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return how each of *references* is called, newest first as they stand, and the reference; no name has a secret.

    >>> [label for label, _ in labelled(["env:NEW", "plain:old"])]
    ['env:NEW', 'plain, number 1']
    """
    for place, reference in enumerate(references):
        is_plain = reference.startswith("plain:")
        yield (f"plain, number {len(references) - place}" if is_plain else reference), reference


def use_name(account_id: str, flow: str, label: str) -> str:
    """Return the name under which the uses of a secret are kept beside those of keys."""
    return f"{_PREFIX}{account_id}/{flow}/{label}"


@dataclass(frozen=True, slots=True)
class SecretUse:
    """A secret by its label, and the beginning of the last hour (Unix ms) in which it verified a push."""

    account: str
    flow: str
    secret: str
    hour_ms: int | None


def secret_uses(accounts: Iterable[Account], uses: Mapping[str, int]) -> list[SecretUse]:
    """Return every secret of *accounts*, newest first, and the last hour (Unix ms) in *uses* that it was used in."""
    return [
        SecretUse(account.id, flow, label, uses.get(use_name(account.id, flow, label)))
        for account in accounts
        for flow, references in account.secrets.items()
        for label, _ in labelled(references)
    ]
