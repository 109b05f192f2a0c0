"""The seal of a file: one text of fixed length within it, and a signature over all the rest.

The unsigned document is the file with a dot for each of the signature's 88 characters. What is signed, by Ed25519, is
its SHA-256. So a seal stands within a file of any form, and one byte changed anywhere breaks it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

Form = Literal["json", "html", "pdf", "xlsx"]
ALGORITHM = "Ed25519"
SIGNATURE_CHARACTERS = 88
"""64 bytes in base64."""
KEY_ID_CHARACTERS = 16
MAX_FILE_BYTES = 256 * 1_048_576
"""A report or extract beyond this is none of ours: it would only fill memory."""
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----")


class NoKeyError(ValueError):
    """A file of public keys holds none, or one of another sort."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file taken apart: whose key it names, its signature, and the SHA-256 of the unsigned document."""

    key_id: str
    signature: str
    sha256: str


def slot(form: Form, key_id: str) -> str:
    """Return the empty seal of *form*, for a file that is to be signed by the key *key_id*."""
    return f"avenue-seal-{form}:{key_id}:{'.' * SIGNATURE_CHARACTERS}"


def sealed(content: bytes, form: Form, key_id: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Return *content*, which holds the empty seal of *form*, signed. Raises `ValueError` where it holds none."""
    empty = slot(form, key_id).encode()
    if empty not in content:
        raise ValueError(f"there is no room for a seal in this {form}")
    signature = base64.b64encode(sign(hashlib.sha256(content).digest()))
    return content.replace(empty, empty[:-SIGNATURE_CHARACTERS] + signature)


def opened(content: bytes, form: Form) -> SealedFile | None:
    """Return what the seal of *form* in *content* says, or None where it holds none, or two that differ."""
    pattern = re.compile(
        rb"avenue-seal-%s:([0-9a-f]{%d}):([A-Za-z0-9+/=]{%d})"
        % (form.encode(), KEY_ID_CHARACTERS, SIGNATURE_CHARACTERS)
    )
    found = set(pattern.findall(content))
    if len(found) != 1:
        return None
    ((key_id, signature),) = found
    unsigned = content.replace(
        b"avenue-seal-%s:%s:%s" % (form.encode(), key_id, signature), slot(form, key_id.decode()).encode()
    )
    return SealedFile(key_id.decode(), signature.decode(), hashlib.sha256(unsigned).hexdigest())


def holds(seal: SealedFile, key: Ed25519PublicKey) -> bool:
    """Tell whether *key*'s owner signed the document of *seal*."""
    try:
        key.verify(base64.b64decode(seal.signature, validate=True), bytes.fromhex(seal.sha256))
    except (InvalidSignature, binascii.Error):
        return False
    return True


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return by what a signature names *key*: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:KEY_ID_CHARACTERS]


def pem_of(key: Ed25519PublicKey | Ed25519PrivateKey) -> bytes:
    """Return the public key of *key* as PEM."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_public_keys(content: bytes) -> Mapping[str, Ed25519PublicKey]:
    """Return the public keys of a PEM file, which may hold several, by id. Raises `NoKeyError`."""
    found: dict[str, Ed25519PublicKey] = {}
    for block in _PEM.findall(content):
        try:
            key = load_pem_public_key(block)
        except ValueError as error:
            raise NoKeyError("a public key in it cannot be read") from error
        if not isinstance(key, Ed25519PublicKey):
            raise NoKeyError("a public key in it is not of Ed25519")
        found[key_id_of(key)] = key
    if not found:
        raise NoKeyError("it holds no public key in PEM; `avenue report key` prints one")
    return found
