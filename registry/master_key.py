"""The master key: 32 bytes in a file that only its owner may read; it wraps every hash key."""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from runtime.errors import ConfigurationError
from runtime.files import write_private
from runtime.settings import Settings

KEY_BYTES = 32
FILE_NAME = "master.key"
_HOW = (
    "make one with `head -c 32 /dev/urandom | base64 > FILE && chmod 600 FILE`, keep a copy where the backups are not"
)


def load_master_key(settings: Settings) -> bytes:
    """Return the master key of `AVENUE_MASTER_KEY_FILE`.

    Embedded and without that setting it is `master.key` in the home folder, made (0600) where it is absent.
    Raises `ConfigurationError` where it is missing, unreadable, of another form, or open to every user.
    """
    if settings.master_key_file is not None:
        return _read(settings.master_key_file)
    if settings.profile == "production":
        raise ConfigurationError(f"AVENUE_MASTER_KEY_FILE is not set, and production needs it: {_HOW}")
    path = settings.home / FILE_NAME
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        # Another process may be as quick: the file that was there first stays.
        write_private(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n", replace=False)
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except OSError as error:
        raise ConfigurationError(f"the master key {path} cannot be read ({error.strerror}): {_HOW}") from error
    if mode & stat.S_IRWXO:
        raise ConfigurationError(f"the master key {path} is open to every user of this machine: chmod 600 {path}")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"the master key {path} is not {KEY_BYTES} bytes in base64: {_HOW}")
    return key
