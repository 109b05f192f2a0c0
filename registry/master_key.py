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
    """Return the master key of `AVENUE_MASTER_KEY_FILE`; embedded and without that setting, of the home folder.

    Makes none (`make_master_key`). Raises `ConfigurationError` where it is missing, unreadable, of another form, or
    open to every user.
    """
    if settings.master_key_file is not None:
        return _read(settings.master_key_file, _HOW)
    if settings.profile == "production":
        raise ConfigurationError(f"AVENUE_MASTER_KEY_FILE is not set, and production needs it: {_HOW}")
    return _read(settings.home / FILE_NAME, "`avenue up` or `avenue registry apply` makes it where no keys are yet")


def make_master_key(settings: Settings) -> None:
    """Make the master key of the home folder (0600) where it is absent; one that a setting names is never made.

    Only for whoever knows that nothing is wrapped with another one: what is would be lost without a word.
    """
    if settings.master_key_file is not None or settings.profile == "production":
        return
    path = settings.home / FILE_NAME
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Another process may be as quick: the file that was there first stays.
        write_private(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n", replace=False)


def master_key_path(settings: Settings) -> Path:
    """Return the file that the master key is read from."""
    return settings.master_key_file or settings.home / FILE_NAME


def key_source(settings: Settings) -> str:
    """Return the master key's file in words, with the setting that named it where one did."""
    path = master_key_path(settings)
    return f"{path} (AVENUE_MASTER_KEY_FILE)" if settings.master_key_file is not None else str(path)


def _read(path: Path, how: str) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except OSError as error:
        raise ConfigurationError(f"the master key {path} cannot be read ({error.strerror}): {how}") from error
    if mode & stat.S_IRWXO:
        raise ConfigurationError(f"the master key {path} is open to every user of this machine: chmod 600 {path}")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"the master key {path} is not {KEY_BYTES} bytes in base64: {_HOW}")
    return key
