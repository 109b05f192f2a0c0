"""Who sends a batch push: the account of its key, or of its Standard Webhooks signature."""

from collections.abc import Callable
from urllib.parse import parse_qs

from producers.adapters import standard_webhooks
from producers.adapters.base import RefusedPush
from producers.gateway.http_request import HttpRequest
from producers.gateway.noted_secrets import NoteSecret, note_nowhere, verify_by_each
from producers.gateway.responses import HttpAnswer, problem
from registry.directory import Directory
from schemas.registry import Account

SecretsFor = Callable[[Account, str], tuple[bytes, ...]]
"""The secrets of an account's flow that are valid now, newest first; none where it has none."""


def authenticate_sender(
    request: HttpRequest,
    directory: Directory,
    secrets_for: SecretsFor,
    now_ms: int,
    note_secret: NoteSecret = note_nowhere,
) -> Account | HttpAnswer:
    """Return the account that *request* comes from; a 401 or 403 that names the way out where it is nobody's."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        return _by_key(authorization, directory, now_ms)
    if "webhook-signature" in request.headers:
        return _by_signature(request, directory, secrets_for, now_ms, note_secret)
    return problem(401, "send `Authorization: Bearer <key>`, or Standard Webhooks headers with ?account=ID")


def claimed_account(request: HttpRequest, directory: Directory) -> Account | None:
    """Return the account that a refused *request* names as its sender, None where it names none that is known."""
    names = parse_qs(request.query.decode("latin-1")).get("account", [])
    return directory.accounts.get(names[0]) if len(names) == 1 else None


def _by_key(authorization: str, directory: Directory, now_ms: int) -> Account | HttpAnswer:
    scheme, _, presented = authorization.partition(" ")
    key = directory.key_of(presented.strip(), now_ms=now_ms) if scheme.lower() == "bearer" else None
    if key is None:
        return problem(401, "the key is unknown, expired or revoked; send `Authorization: Bearer <key>`")
    scope_type, _, account_id = key.scope.partition(":")
    account = directory.accounts.get(account_id) if scope_type == "account" else None
    if account is None:
        return problem(403, "this key may not push events; a key of scope account:ID may")
    return account


def _by_signature(
    request: HttpRequest, directory: Directory, secrets_for: SecretsFor, now_ms: int, note_secret: NoteSecret
) -> Account | HttpAnswer:
    names = parse_qs(request.query.decode("latin-1")).get("account", [])
    account = directory.accounts.get(names[0]) if len(names) == 1 else None
    secrets = secrets_for(account, "push") if account is not None else ()
    # An unknown account is told nothing that a wrong signature would not be told.
    checked, secret = verify_by_each(
        secrets, lambda some: standard_webhooks.verify(request.headers, request.body, some, now_ms)
    )
    if isinstance(checked, RefusedPush) or account is None:
        detail = checked.message if isinstance(checked, RefusedPush) else "the signature does not match"
        return problem(401, f"{detail}; sign with the account's push secret and name it with ?account=ID")
    note_secret(account, "push", secret, now_ms)
    return account
