"""Kept rejects for the command line, from the running server or the store itself; wrong names are told, not obeyed."""

import difflib
from typing import Any
from urllib.parse import quote

import httpx

from avenue.client.store_access import RunningServer, error_detail
from avenue.client.stored_registry import stored_directory
from avenue.serve.operations import accounts_with_rejects, find_reject, list_rejects
from runtime.clickhouse import ClickHouse
from runtime.errors import ConfigurationError, PipelineError
from schemas.outcomes import RejectReason

Store = RunningServer | ClickHouse


def check_reason(reason: str) -> None:
    """Raise `ConfigurationError` where there is no such reason ('' is any): a misspelt one must not look empty."""
    _check("reason", reason, [known.value for known in RejectReason])


def check_account(store: Store, account: str) -> None:
    """Raise `ConfigurationError` where neither registry nor store knows the account ('' is any)."""
    if account:
        _check("account", account, _accounts(store))


def kept_rejects(store: Store, *, account: str, reason: str, limit: int) -> list[dict[str, Any]]:
    """Return kept rejects without their payload, newest first."""
    if not isinstance(store, RunningServer):
        return list_rejects(store, account=account, reason=reason, limit=limit)
    found: list[dict[str, Any]] = _answered(
        store.get("/internal/rejects", account=account, reason=reason, limit=str(limit))
    )
    return found


def kept_reject(store: Store, reject_id: str) -> dict[str, Any]:
    """Return one reject with its payload. Raises `PipelineError` where none has this id."""
    if not isinstance(store, RunningServer):
        found = find_reject(store, reject_id)
    else:
        answer = store.get(f"/internal/rejects/{quote(reject_id, safe='')}")
        found = None if answer.status_code == 404 else _answered(answer)
    if found is None:
        raise PipelineError(f"no kept reject {reject_id!r}; `avenue rejects list` shows them")
    return found


def _accounts(store: Store) -> list[str]:
    if isinstance(store, RunningServer):
        return [str(account) for account in _answered(store.get("/internal/reject-accounts"))]
    return sorted({*stored_directory(store).accounts, *accounts_with_rejects(store)})


def _check(name_type: str, given: str, known: list[str]) -> None:
    if not given or given in known:
        return
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    listed = ", ".join(name for name in known if name) or "none yet"
    raise ConfigurationError(f"there is no {name_type} {given!r}{hint} Known are: {listed}")


def _answered(answer: httpx.Response) -> Any:
    if answer.status_code != 200:
        raise PipelineError(f"the server answered {answer.status_code}: {error_detail(answer)}")
    return answer.json()
