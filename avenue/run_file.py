"""`run.json` and, until that is there, `start.json` in the home folder: how other commands find the stack.

Readable by their owner only.
"""

import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import ConfigurationError
from runtime.files import write_private

NAME = "run.json"
START_NAME = "start.json"


class RunFile(BaseModel):
    """A running stack: where it answers, and a key that lets this machine's user operate it."""

    model_config = ConfigDict(frozen=True)

    pid: int
    url: str
    ops_url: str
    worker_ops_url: str | None = None
    kafka_bootstrap: str
    home: Path
    operator_key: str = Field(repr=False)
    started_at: datetime

    def write(self) -> Path:
        """Write it into its home folder as a whole, 0600; return the path."""
        path = self.home / NAME
        write_private(path, self.model_dump_json(indent=2).encode())
        return path


class StartFile(BaseModel):
    """A stack that is starting: what it said last, and what is known of it so far."""

    model_config = ConfigDict(frozen=True)

    pid: int
    said: str
    began_at: datetime
    kafka_bootstrap: str | None = None
    ops_url: str | None = None
    worker_ops_url: str | None = None

    def write(self, home: Path) -> None:
        """Write it into *home* as a whole, 0600."""
        write_private(home / START_NAME, self.model_dump_json(indent=2).encode())


def read_start_file(home: Path) -> StartFile | None:
    """Return the stack that is starting on *home*, or None where none is, or it says nothing that can be read."""
    try:
        start = StartFile.model_validate_json((home / START_NAME).read_text())
    except (OSError, ValidationError):
        return None
    return start if _lives(start.pid) else None


def remove_start_file(home: Path) -> None:
    """Remove it, as the stack does when it is ready or ends."""
    (home / START_NAME).unlink(missing_ok=True)


def read_run_file(home: Path) -> RunFile | None:
    """Return the stack that runs on *home*, or None where none does (no file, or its process is gone).

    Raises `ConfigurationError` where the file cannot be read.
    """
    path = home / NAME
    try:
        run = RunFile.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        # Without the inputs: the file holds a key.
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__}); stop `avenue up` and remove it"
        ) from None
    return run if _lives(run.pid) else None


def remove_run_file(home: Path) -> None:
    """Remove it, as the stack does when it ends."""
    (home / NAME).unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
