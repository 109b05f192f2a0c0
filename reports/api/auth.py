"""Who is asking: a bearer key, or the dashboard's session cookie, which stands for the same key."""

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie

from registry.directory import Directory
from reports.access.reader_access import ReaderSession
from reports.access.sharing import key_in_force
from reports.scope import AccountReader, Reader, account_of_key, reader_of_key
from reports.service import ReadService
from schemas.registry import AccessKey

AnyRequest = Request[Any, Any, Any]

SESSION_COOKIE = "avenue_session"
HOUR_S = 3600
SESSION_ID_BYTES = 16
COOKIE_PARTS = 5
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class UnauthorizedError(PermissionError):
    """No key, or one that is unknown, expired or revoked."""


class SendingKeyError(PermissionError):
    """The key is valid, but for sending only."""


class ReadingKeyError(PermissionError):
    """The key is valid, but of no account."""


class ForeignOriginError(PermissionError):
    """A page of another site made a signed-in browser ask for a change."""


def reader_of(request: AnyRequest, service: ReadService) -> Reader:
    """Return who is asking, by `Authorization: Bearer` or else by the session cookie.

    The registry in force is asked each time, so a revoked key ends its sessions too.
    Raises `UnauthorizedError` without a valid key, `SendingKeyError` where the key is for sending only, and
    `ForeignOriginError` where a cookie came with a change that no page of this server asked for.
    """
    key = _key_of(request, service)
    reader = reader_of_key(key)
    if reader is None:
        raise SendingKeyError
    return reader


def account_reader_of(request: AnyRequest, service: ReadService) -> AccountReader:
    """Return the account that is asking, by the same key or cookie.

    Raises `UnauthorizedError` without a valid key, `ReadingKeyError` where the key is of no account, and
    `ForeignOriginError` as above.
    """
    reader = account_of_key(_key_of(request, service), service.directory())
    if reader is None:
        raise ReadingKeyError
    return reader


def _key_of(request: AnyRequest, service: ReadService) -> AccessKey:
    directory, now_ms = service.directory(), service.clock.now_ms()
    header = request.headers.get("authorization", "")
    scheme, _, presented = header.partition(" ")
    key: AccessKey | None
    if header:
        key = directory.key_of(presented.strip(), now_ms=now_ms) if scheme.lower() == "bearer" else None
    else:
        key = _key_of_session(request, directory, service)
    if key is None:
        raise UnauthorizedError
    # A browser sends the cookie whoever asked it to; a key in a header was put there on purpose.
    if not header and request.method not in READING_METHODS and not is_own_page(request, service, told=True):
        raise ForeignOriginError
    return key


def is_own_page(request: AnyRequest, service: ReadService, *, told: bool) -> bool:
    """Tell whether *request* comes from a page of this server, by what browsers say of it.

    *told*: a request that says nothing is not one. Browsers say it with every change they are asked for.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None and _host_of(origin) not in _own_hosts(request, service):
        return False
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is not None or not told


def session_cookie(key: AccessKey, service: ReadService, *, secure: bool) -> Cookie:
    """Return the cookie that signs a browser in with *key* for the settings' hours, or until the key's end."""
    lasts_s = service.settings.report.session_hours * HOUR_S
    now_ms = service.clock.now_ms()
    body = f"{key.id}.{secrets.token_hex(SESSION_ID_BYTES)}.{now_ms}.{now_ms + lasts_s * 1000}"
    return Cookie(
        key=SESSION_COOKIE,
        value=f"{body}.{_sign(body, service)}",
        max_age=lasts_s,
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def session_of(request: AnyRequest, service: ReadService) -> ReaderSession | None:
    """Return the session that the request's cookie names, ended or not; None where no cookie of ours names one."""
    body, _, signature = request.cookies.get(SESSION_COOKIE, "").rpartition(".")
    parts = (*body.split("."), signature)
    if len(parts) != COOKIE_PARTS or not hmac.compare_digest(_sign(body, service).encode(), signature.encode()):
        return None
    key_id, session_id, began_ms, until_ms, _ = parts
    return ReaderSession(id=session_id, key_id=key_id, began_ms=int(began_ms), until_ms=int(until_ms))


def _sign(body: str, service: ReadService) -> str:
    return hmac.new(service.session_secret, body.encode(), hashlib.sha256).hexdigest()


def _key_of_session(request: AnyRequest, directory: Directory, service: ReadService) -> AccessKey | None:
    session, now_ms = session_of(request, service), service.clock.now_ms()
    if session is None or session.until_ms <= now_ms or service.access.has_ended(session):
        return None
    return key_in_force(directory, session.key_id, now_ms)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def _own_hosts(request: AnyRequest, service: ReadService) -> set[str]:
    """Return under what names this server is asked; never '', which is what a browser calls `null`."""
    return {request.headers.get("host", ""), _host_of(service.settings.http.public_url or "")} - {""}
