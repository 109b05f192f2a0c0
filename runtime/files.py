"""Files that only their owner may read, written so that nobody ever sees half of one; and disks without room."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What a disk answers that takes nothing: full, over its quota, or read only."""
MEBIBYTE = 1_048_576


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write *content* to *path* with mode 0600, whole or not at all.

    With *replace* False a file that is there already stays as it is.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            # A hard link fails on a taken name, which a rename would not.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def full_disk(folders: Iterable[Path], *, least_mb: int) -> str | None:
    """Return in words that one of *folders* has less than *least_mb* of room left, or None. What is not there is well.

    Room is what a user may still write, without what a system keeps for itself.
    """
    for folder in folders:
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            continue
        if free < least_mb * MEBIBYTE:
            return f"the disk of {folder} is full ({free // MEBIBYTE} MB free)"
    return None


def explain(error: OSError) -> str:
    """Return *error* as a sentence for who runs a command: the file and what is wrong with it."""
    what = (error.strerror or type(error).__name__).lower()
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{what}" + ("; make room and try again" if error.errno in NO_ROOM else "")
