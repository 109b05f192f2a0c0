"""Entries of `reading-access.v1`: share links, and sessions that were signed out. No secret: hashes and ids only."""

from typing import Final

import msgspec

SHARE_PREFIX: Final = "share:"
SIGNED_OUT_PREFIX: Final = "signed-out:"
SIGNED_OUT_BEFORE_PREFIX: Final = "signed-out-before:"


class ShareEntry(msgspec.Struct, frozen=True):
    """A link that shows one trial to whoever has it, until a time; of its token a hash is kept."""

    id: str
    trial_id: str
    sha256: str
    key_id: str
    """The key that made it: the link ends with it at the latest."""
    created_ms: int
    until_ms: int


class SignedOutEntry(msgspec.Struct, frozen=True):
    """A session that was signed out; from *until_ms* on it would be over anyway."""

    until_ms: int


class SignedOutBeforeEntry(msgspec.Struct, frozen=True):
    """Every session of a key that began before this time was signed out."""

    began_before_ms: int
