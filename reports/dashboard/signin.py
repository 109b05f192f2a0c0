"""Signing in with an access key, and out again."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Response

from reports.access.throttle import SignInThrottle, address_of
from reports.api.access_log import READER
from reports.api.auth import (
    SESSION_COOKIE,
    ForeignOriginError,
    ReadingKeyError,
    SendingKeyError,
    UnauthorizedError,
    account_reader_of,
    is_own_page,
    reader_of,
    session_cookie,
    session_of,
)
from reports.dashboard.render import HEADERS, PageRenderer, PageRequest, RenderedPage, local_path
from reports.presentation.language import asked_language
from reports.scope import AccountReader, Reader, account_of_key, reader_of_key
from reports.service import ReadService

FORM_BYTES = 4096
"""A key and a path; anything longer is no sign-in."""
SEE_OTHER: Final = 303
UNAUTHORIZED: Final = 401
TOO_MANY: Final = 429
PAGE = "sign_in.html"
ACCOUNT_START = "/account"


class SignInNeededError(Exception):
    """Nobody is signed in; the handler of this shows the sign-in page."""


def signed_in(request: PageRequest, service: ReadService) -> Reader:
    """Return who is signed in; the key is checked against the registry in force. Raises `SignInNeededError`."""
    try:
        reader = reader_of(request, service)
    except UnauthorizedError as error:
        raise SignInNeededError from error
    except SendingKeyError as error:
        # An account is signed in: there is no trial for it.
        raise NotFoundException from error
    # For the audit: who read which page. What a share link shows is the link's, whoever is signed in beside it.
    request.scope["state"].setdefault(READER, reader)
    return reader


def account_signed_in(request: PageRequest, service: ReadService) -> AccountReader:
    """Return the account that is signed in; likewise. Raises `SignInNeededError`, `NotFoundException` for others."""
    try:
        reader = account_reader_of(request, service)
    except UnauthorizedError as error:
        raise SignInNeededError from error
    except ReadingKeyError as error:
        raise NotFoundException from error
    request.scope["state"].setdefault(READER, reader)
    return reader


def maybe_signed_in(request: PageRequest, service: ReadService) -> Reader | AccountReader | None:
    """Return who is signed in, or None, for pages that anyone may read."""
    for ask in (signed_in, account_signed_in):
        try:
            return ask(request, service)
        except (SignInNeededError, ForeignOriginError, NotFoundException):
            continue
    return None


def ask_to_sign_in(request: PageRequest, pages: PageRenderer) -> Response[bytes]:
    """Return the way to the sign-in page and back.

    A link in a mail or chat comes without our cookie, which is for this site's own requests only: the page asks for
    itself once more from here, and then the cookie comes along.
    """
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return pages.answer(request, RenderedPage("bounce.html", {"target": _own_path(request)}))
    clicked = asked_language(request)
    language = "" if clicked is None else f"&lang={clicked}"
    location = f"/sign-in?next={quote(_own_path(request))}{language}"
    return Response(b"", status_code=SEE_OTHER, headers={**HEADERS, "location": location})


def sign_in_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the start page, sign-in and sign-out."""
    service = pages.service

    @get("/", include_in_schema=False, sync_to_thread=False)
    def start(request: PageRequest) -> Redirect:
        reader = maybe_signed_in(request, service)
        target = "/sign-in" if reader is None else ACCOUNT_START if isinstance(reader, AccountReader) else "/trials"
        return Redirect(target, status_code=SEE_OTHER, headers=HEADERS)

    @get("/sign-in", include_in_schema=False, sync_to_thread=False)
    def sign_in_page(request: PageRequest) -> Response[Any]:
        target = local_path(request.query_params.get("next", "/trials"))
        return pages.answer(request, _sign_in_page(pages, target, maybe_signed_in(request, service)))

    return [start, sign_in_page, _sign_in(pages), _sign_out(service)]


def _sign_in(pages: PageRenderer) -> HTTPRouteHandler:
    service = pages.service
    throttle = SignInThrottle(service.settings.report, service.clock)

    @post("/sign-in", include_in_schema=False, request_max_body_size=FORM_BYTES)
    async def sign_in(request: PageRequest) -> Response[Any]:
        # A browser that is made to sign in elsewhere's key would show its user another's trials.
        if not is_own_page(request, service, told=False):
            raise ForeignOriginError
        form = await request.form()
        target = local_path(str(form.get("next", "")))
        taken = _take(str(form.get("key", "")).strip(), pages, request, throttle)
        if isinstance(taken, Refusal):
            page = _sign_in_page(pages, target, None)
            answer = pages.answer(
                request, replace(page, values={**page.values, "problem": taken.words}, status=taken.status)
            )
            if taken.wait_s:
                answer.headers["retry-after"] = str(taken.wait_s)
            return answer
        # An account has pages of its own and no others.
        start = taken.headers.get("location", "")
        taken.headers["location"] = target if target.startswith(start) else start
        return taken

    return sign_in


def _sign_out(service: ReadService) -> HTTPRouteHandler:
    @post("/sign-out", include_in_schema=False)
    async def sign_out(request: PageRequest) -> Response[Any]:
        if not is_own_page(request, service, told=True):
            raise ForeignOriginError
        session = session_of(request, service)
        # Over by itself, it needs no end.
        if session is not None and session.until_ms > service.clock.now_ms():
            await asyncio.to_thread(service.access.end_session, session, service.clock.now_ms())
        answer: Response[Any] = Response(b"", status_code=SEE_OTHER, headers={**HEADERS, "location": "/sign-in"})
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return sign_out


def _sign_in_page(pages: PageRenderer, target: str, reader: Reader | AccountReader | None) -> RenderedPage:
    values = {"target": target, "problem": "", "session_hours": pages.service.settings.report.session_hours}
    return RenderedPage(PAGE, values, reader=reader)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody was signed in, in words; *wait_s* where it is no use to try again before."""

    words: str
    status: int = UNAUTHORIZED
    wait_s: int = 0


def _take(
    presented: str, pages: PageRenderer, request: PageRequest, throttle: SignInThrottle
) -> Refusal | Response[Any]:
    """Return the answer that signs in with the key *presented*, or why not."""
    service, words = pages.service, pages.translator(request)
    if not presented:
        return Refusal(words.say("Paste an access key first."))
    address = _address(request, service)
    if wait_s := throttle.wait_s(address, presented):
        return Refusal(
            words.count(
                "Too many wrong keys. Try again in %(n)s minute.",
                "Too many wrong keys. Try again in %(n)s minutes.",
                -(-wait_s // 60),
                n=-(-wait_s // 60),
            ),
            TOO_MANY,
            wait_s,
        )
    key = service.directory().key_of(presented, now_ms=service.clock.now_ms())
    if key is None:
        throttle.note_failure(address, presented)
        return Refusal(words.say("This key is unknown, expired or revoked. Ask the avenue's operator for a new one."))
    account = account_of_key(key, service.directory())
    if reader_of_key(key) is None and account is None:
        return Refusal(words.say("This key's account is not in the registry. Ask the avenue's operator."))
    answer: Response[Any] = Response(b"", status_code=SEE_OTHER, headers=dict(HEADERS))
    if account is not None:
        answer.headers["location"] = ACCOUNT_START
    answer.set_cookie(replace(session_cookie(key, service, secure=_secure(request, service)), samesite="strict"))
    return answer


def _address(request: PageRequest, service: ReadService) -> str:
    client = request.client.host if request.client else ""
    return address_of(client, request.headers.get("x-forwarded-for", ""), service.settings.http.proxies)


def _secure(request: PageRequest, service: ReadService) -> bool:
    """Tell whether readers come over TLS, which a proxy in front may end."""
    return request.url.scheme == "https" or (service.settings.http.public_url or "").startswith("https:")


def _own_path(request: PageRequest) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
