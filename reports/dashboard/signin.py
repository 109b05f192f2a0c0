"""Signing in with an access key, and out again."""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Response

from reports.api.access_log import READER
from reports.api.auth import SESSION_COOKIE, SendingKeyError, UnauthorizedError, reader_of, session_cookie
from reports.dashboard.render import HEADERS, PageRenderer, PageRequest, RenderedPage, local_path
from reports.scope import Reader, reader_of_key
from reports.service import ReadService

FORM_BYTES = 4096
"""A key and a path; anything longer is no sign-in."""
SEE_OTHER: Final = 303
PAGE = "sign_in.html"


class SignInNeededError(Exception):
    """Nobody is signed in; the handler of this shows the sign-in page."""


def signed_in(request: PageRequest, service: ReadService) -> Reader:
    """Return who is signed in; the key is checked against the registry in force. Raises `SignInNeededError`."""
    try:
        reader = reader_of(request, service)
    except (UnauthorizedError, SendingKeyError) as error:
        raise SignInNeededError from error
    # For the audit log: who read which page.
    request.scope["state"][READER] = reader
    return reader


def maybe_signed_in(request: PageRequest, service: ReadService) -> Reader | None:
    """Return who is signed in, or None, for pages that anyone may read."""
    try:
        return signed_in(request, service)
    except SignInNeededError:
        return None


def ask_to_sign_in(request: PageRequest, pages: PageRenderer) -> Response[bytes]:
    """Return the way to the sign-in page and back.

    A link in a mail or chat comes without our cookie, which is for this site's own requests only: the page asks for
    itself once more from here, and then the cookie comes along.
    """
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return pages.answer(request, RenderedPage("bounce.html", {"target": _own_path(request)}))
    return Response(
        b"", status_code=SEE_OTHER, headers={**HEADERS, "location": f"/sign-in?next={quote(_own_path(request))}"}
    )


def sign_in_routes(pages: PageRenderer) -> list[HTTPRouteHandler]:
    """Return the start page, sign-in and sign-out."""
    service = pages.service

    @get("/", include_in_schema=False, sync_to_thread=False)
    def start(request: PageRequest) -> Redirect:
        return Redirect("/trials" if maybe_signed_in(request, service) else "/sign-in", status_code=SEE_OTHER)

    @get("/sign-in", include_in_schema=False, sync_to_thread=False)
    def sign_in_page(request: PageRequest) -> Response[Any]:
        target = local_path(request.query_params.get("next", "/trials"))
        return pages.answer(request, _sign_in_page(pages, target, maybe_signed_in(request, service)))

    @post("/sign-in", include_in_schema=False, request_max_body_size=FORM_BYTES)
    async def sign_in(request: PageRequest) -> Response[Any]:
        form = await request.form()
        target = local_path(str(form.get("next", "")))
        problem = _foreign(request, pages) or _take(str(form.get("key", "")).strip(), pages, request)
        if isinstance(problem, str):
            page = _sign_in_page(pages, target, None)
            return pages.answer(request, replace(page, values={**page.values, "problem": problem}, status=401))
        problem.headers["location"] = target
        return problem

    @post("/sign-out", include_in_schema=False, sync_to_thread=False)
    def sign_out(request: PageRequest) -> Response[Any]:
        answer = Redirect("/sign-in", status_code=SEE_OTHER)
        if not _foreign(request, pages):
            answer.delete_cookie(SESSION_COOKIE)
        return answer

    return [start, sign_in_page, sign_in, sign_out]


def _sign_in_page(pages: PageRenderer, target: str, reader: Reader | None) -> RenderedPage:
    values = {"target": target, "problem": "", "session_hours": pages.service.settings.report.session_hours}
    return RenderedPage(PAGE, values, reader=reader)


def _take(presented: str, pages: PageRenderer, request: PageRequest) -> str | Response[Any]:
    """Return the answer that signs in with the key *presented*, or what is wrong with it in words."""
    service, words = pages.service, pages.translator(request)
    if not presented:
        return words.say("Paste an access key first.")
    key = service.directory().key_of(presented, now_ms=service.clock.now_ms())
    if key is None:
        return words.say("This key is unknown, expired or revoked. Ask the avenue's operator for a new one.")
    if reader_of_key(key) is None:
        return words.say(
            "This key is for sending events and cannot read. Ask for a key of scope startup, programme or operator."
        )
    answer: Response[Any] = Response(b"", status_code=SEE_OTHER, headers=dict(HEADERS))
    answer.set_cookie(replace(session_cookie(key, service, secure=_secure(request, service)), samesite="strict"))
    return answer


def _secure(request: PageRequest, service: ReadService) -> bool:
    """Tell whether readers come over TLS, which a proxy in front may end."""
    return request.url.scheme == "https" or (service.settings.http.public_url or "").startswith("https:")


def _foreign(request: PageRequest, pages: PageRenderer) -> str:
    """Return what to say to a form that another site sent, or ''. Browsers say it, or else where it came from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    return (
        ""
        if ours
        else pages.translator(request).say("This form came from another site. Open the page here and try again.")
    )


def _own_path(request: PageRequest) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
