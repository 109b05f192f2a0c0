"""Comparing signatures: in constant time, against every secret that is valid now, by the platform's own formula."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PEM_MARK = b"-----BEGIN "
_HEX = re.compile(r"[0-9A-Fa-f]+\Z")


def shared_secrets(secrets: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the secrets that a hash may be keyed with.

    A public key is left out, since everybody may know it; so is an empty text, since everybody can sign with it.
    """
    return tuple(secret for secret in secrets if secret and not is_public_key(secret))


def is_public_key(secret: bytes) -> bool:
    """Tell whether *secret* is PEM, which selects a flow's RSA mode."""
    return secret.lstrip().startswith(PEM_MARK)


def holds(presented: bytes | None, secrets: Sequence[bytes], formula: Callable[[bytes], Iterable[bytes]]) -> bool:
    """Tell whether *presented* equals a digest that *formula* gives for one of the shared *secrets*.

    Every candidate is compared, so that the time taken does not tell which secret or spelling matched.
    """
    found = False
    for secret in shared_secrets(secrets):
        for expected in formula(secret):
            found |= presented is not None and hmac.compare_digest(presented, expected)
    return found


def plain_hash(algorithm: Literal["md5", "sha1", "sha256"], *parts: bytes) -> bytes:
    """Return the digest of *parts* joined: the platforms' formulas, weak as some are, are not ours to choose."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()


def from_hex(text: str | None) -> bytes | None:
    """Return the bytes *text* spells in hex of either case, or None."""
    if text is None or len(text) % 2 or not _HEX.match(text):
        return None
    return bytes.fromhex(text)


def from_base64(text: str | None) -> bytes | None:
    """Return the bytes *text* spells in standard base64, or None."""
    try:
        return None if text is None else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def rsa_holds(presented: bytes | None, message: bytes, secrets: Sequence[bytes]) -> bool:
    """Tell whether *presented* is an RSA PKCS#1 v1.5 SHA-256 signature of *message* by one of the PEM public keys."""
    return presented is not None and any(
        _verifies(key, presented, message)
        for secret in secrets
        if is_public_key(secret) and (key := _public_key(secret))
    )


def _verifies(key: RSAPublicKey, presented: bytes, message: bytes) -> bool:
    try:
        key.verify(presented, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


# Parsing a key costs as much as several verifications; an account has two at most.
@lru_cache(maxsize=256)
def _public_key(pem: bytes) -> RSAPublicKey | None:
    """Return the key, or None where *pem* holds no RSA public key: such a secret verifies nothing."""
    try:
        key = load_pem_public_key(pem.strip())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def header_bytes(value: str) -> bytes:
    """Return the bytes of a header as they were on the wire: HTTP servers hand them over as Latin-1."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
