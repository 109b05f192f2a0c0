"""The key that signs reports: made in the home folder, or a file that a setting names; older public keys stay."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from reports.verification.seal import key_id_of, pem_of
from runtime.errors import ConfigurationError
from runtime.files import write_private
from runtime.settings import Settings

PRIVATE_FILE = "report-signing.pem"
PUBLIC_FILE = "report-signing.public.pem"
"""Of this key and every one before it, newest first."""
MAX_BYTES = 65_536
_HOW = "make one with `openssl genpkey -algorithm ed25519 -out FILE && chmod 600 FILE`"


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key, which no message ever holds."""

    private: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """By what a signature names it."""
        return key_id_of(self.private.public_key())

    def sign(self, digest: bytes) -> bytes:
        """Return the signature of *digest*."""
        return self.private.sign(digest)


def signing_key(settings: Settings) -> SigningKey:
    """Return the key: of AVENUE_REPORT__SIGNING_KEY_FILE, else of the home folder, where it is made if there is none.

    Raises `ConfigurationError` where it cannot be read, is open to every user, is no Ed25519 key, or is not set in
    production.
    """
    path = settings.report.signing_key_file
    if path is not None:
        return _read(path, _HOW)
    if settings.profile == "production":
        raise ConfigurationError(f"AVENUE_REPORT__SIGNING_KEY_FILE is not set, and production needs it: {_HOW}")
    home = settings.home / PRIVATE_FILE
    if not home.exists():
        _make(settings.home)
    return _read(home, "without it this home signs nothing; put it back from a backup, or make a new one with --new")


def new_signing_key(settings: Settings) -> SigningKey:
    """Make a new key in the home folder in place of the one there; the public half of that one stays to verify with.

    Raises `ConfigurationError` where a setting names the key.
    """
    if settings.report.signing_key_file is not None or settings.profile == "production":
        raise ConfigurationError(f"the key is a file of yours: {_HOW}, and name it in AVENUE_REPORT__SIGNING_KEY_FILE")
    (settings.home / PRIVATE_FILE).unlink(missing_ok=True)
    return signing_key(settings)


def public_keys(settings: Settings) -> bytes:
    """Return the public keys that reports of this home were signed with, newest first, as PEM; makes none."""
    path = settings.report.signing_key_file
    if path is not None:
        return pem_of(_read(path, _HOW).private)
    kept = settings.home / PUBLIC_FILE
    return kept.read_bytes() if kept.exists() else b""


def _make(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # Another process may be as quick: the file that was there first stays.
    write_private(home / PRIVATE_FILE, pem, replace=False)
    made = pem_of(_read(home / PRIVATE_FILE, "").private)
    kept = home / PUBLIC_FILE
    older = kept.read_bytes() if kept.exists() else b""
    if made not in older:
        write_private(kept, made + older)


def _read(path: Path, how: str) -> SigningKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES)
    except OSError as error:
        raise ConfigurationError(f"the signing key {path} cannot be read ({error.strerror}): {how}") from error
    if mode & stat.S_IRWXO:
        raise ConfigurationError(f"the signing key {path} is open to every user of this machine: chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"the signing key {path} is no private key in PEM: {how}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"the signing key {path} is not of Ed25519: {how}")
    return SigningKey(key)
