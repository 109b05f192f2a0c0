"""Which trials there are, for commands that take one: a misspelt id must not look like an empty trial."""

from collections.abc import Iterable
from typing import Any

from avenue.client.store_access import RunningServer, error_detail
from avenue.client.stored_registry import stored_directory
from runtime.clickhouse import ClickHouse
from runtime.errors import PipelineError


class UnknownTrialError(PipelineError):
    """The registry holds no such trial; the message names those that it holds."""

    def __init__(self, trial_id: str, known: Iterable[str]) -> None:
        named = ", ".join(sorted(known))
        super().__init__(
            f"no trial {trial_id!r}; " + (f"known are {named}" if named else "the registry holds none yet")
        )


def refuse_unknown(store: RunningServer | ClickHouse, trial_id: str) -> None:
    """Raise `UnknownTrialError` where no trial has this id, `PipelineError` where that cannot be asked."""
    known = _of_server(store) if isinstance(store, RunningServer) else set(stored_directory(store).trials)
    if trial_id not in known:
        raise UnknownTrialError(trial_id, known)


def _of_server(server: RunningServer) -> set[str]:
    answer = server.get("/v1/trials")
    if answer.status_code != 200:
        raise PipelineError(f"the server answered {answer.status_code}: {error_detail(answer)}")
    found: Any = answer.json()
    return {trial["id"] for trial in found["trials"]}
