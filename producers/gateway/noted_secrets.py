"""Which of an account's secrets a push was signed with: told once it is known to hold, for whoever rotates them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from producers.adapters.base import Adapter, AdapterResult, NativePush, RefusedPush, VerifiedPush
from schemas.registry import Account

V = TypeVar("V")
NoteSecret = Callable[[Account, str, bytes, int], None]
"""Told which secret verified a push to the account's flow, and when (Unix ms)."""


def note_nowhere(_account: Account, _flow: str, _secret: bytes, _now_ms: int) -> None:
    """Note nothing."""


def verify_by_each(secrets: Sequence[bytes], verify: Callable[[tuple[bytes, ...]], V]) -> tuple[V, bytes]:
    """Return what *verify* makes of a push, and the secret by which it holds; b"" where it holds by none.

    A refusal is that of all *secrets* together. While one is rotated, what is signed with the older is verified twice.
    """
    for secret in secrets if len(secrets) > 1 else ():
        if not isinstance(result := verify((secret,)), RefusedPush):
            return result, secret
    result = verify(tuple(secrets))
    return result, b"" if isinstance(result, RefusedPush) or not secrets else secrets[0]


def adapt_by_each(push: NativePush, adapter: Adapter, note_secret: NoteSecret) -> AdapterResult:
    """Verify *push* and take it apart; note by which secret it holds, where it brings anything."""
    adapted, secret = verify_by_each(
        push.secrets,
        lambda some: adapter.adapt(push if len(some) == len(push.secrets) else replace(push, secrets=some)),
    )
    if isinstance(adapted, VerifiedPush):
        note_secret(push.account, push.flow, secret, push.received_ms)
    return adapted
