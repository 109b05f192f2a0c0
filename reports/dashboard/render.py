"""Templates to answers: the environment, what every page is given, and the headers every page carries."""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request
from litestar.datastructures import Cookie
from litestar.response import Response

from reports.dashboard.assets import AssetBundle
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import SCRIPT_TEXTS
from reports.presentation.language import (
    LANGUAGE_COOKIE,
    LANGUAGES,
    Translator,
    asked_language,
    language_of,
    translator,
)
from reports.scope import AccountReader, Reader
from reports.service import ReadService

PageRequest = Request[Any, Any, Any]
TEMPLATES = Path(__file__).parent / "templates"
YEAR_S = 365 * 86_400
# Nothing inline and nothing from elsewhere: a text that slipped through escaping could still not run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    # Another reader's numbers must not come out of a shared or back-button cache.
    "cache-control": "private, no-store",
    "vary": "cookie, accept-language, accept-encoding",
}
PACKED_FROM = 1400
"""Bytes; what fits into one packet gains nothing."""
GZIP_LEVEL = 5
"""About 3 ms for a trial's page; the best level takes twice that for one part in fifty."""
REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$")


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """What one page shows: a template with its values, for *reader* (None: nobody is signed in)."""

    template: str
    values: Mapping[str, Any]
    reader: Reader | AccountReader | None = None
    status: int = 200
    shared_at: str = ""
    """Of a share link's pages, the path that all they fetch begins with."""


class PageRenderer:
    """Renders pages over one *service* with the *assets* of the last build."""

    def __init__(self, service: ReadService, assets: AssetBundle) -> None:
        self.service = service
        self.assets = assets
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": False}

    def translator(self, request: PageRequest) -> Translator:
        """Return the language of *request*."""
        return translator(language_of(request))

    def answer(self, request: PageRequest, page: RenderedPage) -> Response[bytes]:
        """Return *page* in the request's language; a click on the language switch is remembered for a year."""
        html = self.html(request, page)
        body, coding = packed(html.encode(), request.headers.get("accept-encoding", ""))
        answer = Response(body, media_type="text/html", status_code=page.status, headers=HEADERS | coding)
        clicked = asked_language(request)
        if clicked:
            answer.set_cookie(
                Cookie(key=LANGUAGE_COOKIE, value=clicked, max_age=YEAR_S, samesite="lax", path="/", httponly=True)
            )
        return answer

    def html(self, request: PageRequest, page: RenderedPage) -> str:
        """Return *page* as text."""
        words = self.translator(request)
        values = {
            "_": words.say,
            "count": words.count,
            "pick": words.pick,
            "translator": words,
            "f": LocaleFormatter(words),
            "asset": self.assets.url,
            "reader": page.reader,
            "account": isinstance(page.reader, AccountReader),
            "shared_at": page.shared_at,
            "who": self._who(page.reader, words),
            "path": request.url.path,
            "avenue_name": self._avenue_name(words),
            "switches": [(language, _switch_link(request, language)) for language in LANGUAGES],
            "script": {"lang": words.language, "texts": {text: words.say(text) for text in SCRIPT_TEXTS}},
            **page.values,
        }
        return self._environment.get_template(page.template).render(values)

    def _avenue_name(self, words: Translator) -> str:
        registry = self.service.directory().registry
        return words.pick(registry.avenue.name) if registry else words.say("Avenue")

    def _who(self, reader: Reader | AccountReader | None, words: Translator) -> str:
        if reader is None:
            return ""
        if isinstance(reader, AccountReader):
            return reader.account_id
        if reader.startup_id is None:
            return words.say("Operator") if reader.scope == "operator" else words.say("Programme team")
        registry = self.service.directory().registry
        startups = registry.startups if registry else []
        return next((words.pick(s.name) for s in startups if s.id == reader.startup_id), reader.startup_id)


def packed(body: bytes, accepted: str) -> tuple[bytes, dict[str, str]]:
    """Return *body* with gzip where the browser takes it, and the header that says so.

    A trial's page is some hundred KB of text and drawings, and a sixth of it on the wire.
    """
    codings = {item.partition(";")[0].strip().lower() for item in accepted.split(",") if not REFUSED.search(item)}
    if len(body) < PACKED_FROM or "gzip" not in codings:
        return body, {}
    return gzip.compress(body, GZIP_LEVEL, mtime=0), {"content-encoding": "gzip"}


def local_path(text: str) -> str:
    """Return *text* where it is a path on this server, else the start page: a sign-in must not lead elsewhere."""
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if ours else "/trials"


def _switch_link(request: PageRequest, language: str) -> str:
    kept = [(name, value) for name, value in parse_qsl(request.url.query) if name != "lang"]
    return f"?{urlencode([*kept, ('lang', language)])}"


def as_json(value: object) -> str:
    """Return *value* as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
