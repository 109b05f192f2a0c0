"""Who is asking: a bearer key, or the dashboard's session cookie, which stands for the same key."""

import hashlib
import hmac
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from registry.directory import Directory
from reports.scope import Reader, reader_of_key
from reports.service import ReadService
from schemas.registry import AccessKey, epoch_ms

SESSION_COOKIE = "avenue_session"
HOUR_S = 3600


class UnauthorizedError(PermissionError):
    """No key, or one that is unknown, expired or revoked."""


class SendingKeyError(PermissionError):
    """The key is valid, but for sending only."""


def reader_of(request: Request[Any, Any, Any], service: ReadService) -> Reader:
    """Return who is asking, by `Authorization: Bearer` or else by the session cookie.

    The registry in force is asked each time, so a revoked key ends its sessions too.
    Raises `UnauthorizedError` without a valid key, `SendingKeyError` where the key is for sending only.
    """
    directory, now_ms = service.directory(), service.clock.now_ms()
    header = request.headers.get("authorization", "")
    scheme, _, presented = header.partition(" ")
    key: AccessKey | None
    if header:
        key = directory.key_of(presented.strip(), now_ms=now_ms) if scheme.lower() == "bearer" else None
    else:
        key = _key_of_session(request.cookies.get(SESSION_COOKIE, ""), directory, service)
    if key is None:
        raise UnauthorizedError
    reader = reader_of_key(key)
    if reader is None:
        raise SendingKeyError
    return reader


def session_cookie(key: AccessKey, service: ReadService, *, secure: bool) -> Cookie:
    """Return the cookie that signs a browser in with *key* for the settings' hours, or until the key's end."""
    lasts_s = service.settings.report.session_hours * HOUR_S
    expires_ms = service.clock.now_ms() + lasts_s * 1000
    body = f"{key.id}.{expires_ms}"
    return Cookie(
        key=SESSION_COOKIE,
        value=f"{body}.{_sign(body, service)}",
        max_age=lasts_s,
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def _sign(body: str, service: ReadService) -> str:
    return hmac.new(service.session_secret, body.encode(), hashlib.sha256).hexdigest()


def _key_of_session(value: str, directory: Directory, service: ReadService) -> AccessKey | None:
    body, _, signature = value.rpartition(".")
    if not hmac.compare_digest(_sign(body, service).encode(), signature.encode()):
        return None
    key_id, _, expires_ms = body.rpartition(".")
    now_ms = service.clock.now_ms()
    if int(expires_ms) <= now_ms:
        return None
    key = next((key for key in directory.keys.values() if key.id == key_id), None)
    if key is None or key.revoked_at is not None:
        return None
    if key.expires_at is not None and epoch_ms(key.expires_at) <= now_ms:
        return None
    return key
