"""Partners' guides as pages: made from `docs/partners` with the dashboard's other files, served from memory.

A guide is the same text as in the repository; a Chinese one stands beside it as `NAME.zh.md`.
"""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import east_asian_width

import msgspec
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.anchors import anchors_plugin

from runtime.errors import ConfigurationError

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "docs" / "partners"
MADE = HERE / "static" / "guides.json"
URL = "/docs/partners"
EXAMPLES = "examples"
EVENT_SCHEMA = "event.v1.schema.json"
"""Published beside the guides, which name it where it stands in the repository."""
FIRST = "README"
"""The guide that stands at `URL` itself."""
TITLE_LEVEL, CONTENTS_LEVEL = "h1", "h2"


@dataclass(frozen=True, slots=True)
class Guide:
    """One page: its title, its headings as (anchor, text), and the HTML under the title."""

    name: str
    title: str
    contents: tuple[tuple[str, str], ...]
    html: str


@dataclass(frozen=True, slots=True)
class Guides:
    """What the last build made."""

    pages: Mapping[tuple[str, str], Guide]
    """By name, as `douyin` or `pushes/douyin`, and language."""
    examples: Mapping[str, str]
    """The programs beside them, by name."""


def make_guides(source: Path = SOURCE, made: Path = MADE) -> bool:
    """Make every guide of *source* into *made*; return whether anything changed."""
    files = sorted(source.rglob("*.md"))
    pages = []
    for path in files:
        name = path.relative_to(source).with_suffix("").as_posix()
        guide = _guide(name.removesuffix(".zh"), path.read_text())
        language = "zh" if name.endswith(".zh") else "en"
        pages.append([guide.name, language, guide.title, guide.contents, guide.html])
    examples = {path.name: path.read_text() for path in sorted((source / EXAMPLES).glob("*"))}
    text = json.dumps({"pages": pages, "examples": examples}, ensure_ascii=False)
    if made.exists() and made.read_text() == text:
        return False
    made.write_text(text)
    return True


class _Made(msgspec.Struct):
    pages: list[tuple[str, str, str, tuple[tuple[str, str], ...], str]]
    examples: dict[str, str]


def load_guides(made: Path = MADE) -> Guides:
    """Return the guides of the last build. Raises `ConfigurationError` where there is none, or one of another form."""
    try:
        read = msgspec.json.decode(made.read_bytes(), type=_Made)
    except (FileNotFoundError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            "the partners' guides are not made, or by another version; run `python -m reports.dashboard.build`"
        ) from error
    pages = {
        (name, language): Guide(name, title, contents, html) for name, language, title, contents, html in read.pages
    }
    return Guides(pages, read.examples)


def _guide(name: str, text: str) -> Guide:
    parser = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=3)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("softbreak", _line_end)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    environ = {"folder": name.rpartition("/")[0]}
    tokens = parser.parse(text, environ)
    headings = [
        (token, tokens[place + 1].content) for place, token in enumerate(tokens) if token.type == "heading_open"
    ]
    title = next(said for token, said in headings if token.tag == TITLE_LEVEL)
    contents = tuple((str(token.attrs["id"]), _plain(said)) for token, said in headings if token.tag == CONTENTS_LEVEL)
    body = [token for place, token in enumerate(tokens) if not _of_title(tokens, place)]
    return Guide(name, _plain(title), contents, parser.renderer.render(body, parser.options, environ))


def _of_title(tokens: Sequence[Token], place: int) -> bool:
    near = tokens[max(place - 2, 0) : place + 1]
    return any(token.type == "heading_open" and token.tag == TITLE_LEVEL for token in near)


def _plain(text: str) -> str:
    return text.replace("`", "")


def _link(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[place]
    href = _address(str(token.attrs.pop("href")), str(env["folder"]))
    if href:
        token.attrs["href"] = href
    return renderer.renderToken(tokens, place, options, env)


def _address(href: str, folder: str) -> str:
    """Return the address of the guide that *href* names; '' where it is another file of the repository."""
    if re.match(r"https?://|#", href):
        return href
    path, _, anchor = href.partition("#")
    if posixpath.basename(path) == EVENT_SCHEMA:
        return f"{URL}/{EVENT_SCHEMA}"
    name = posixpath.normpath(posixpath.join(folder, path)).removesuffix(".md").removesuffix(".zh")
    if name.startswith(".."):
        return ""
    address = URL if name == FIRST else f"{URL}/{name}"
    return f"{address}#{anchor}" if anchor else address


def _line_end(_renderer: RendererHTML, tokens: Sequence[Token], place: int, *_: object) -> str:
    # Chinese stands without blanks: browsers would show one where a sentence's line ends.
    return "" if east_asian_width(tokens[place - 1].content[-1:] or " ") in {"W", "F"} else "\n"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    # A line that is longer than a phone is wide scrolls in its block, by keyboard, too.
    return renderer.fence(tokens, place, options, env).replace("<pre>", '<pre tabindex="0">', 1)


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    # A table that is wider than a phone scrolls by itself, by keyboard, too.
    return f'<div class="table-scroll" tabindex="0">{renderer.renderToken(tokens, place, options, env)}'


def _table_close(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType
) -> str:
    return f"{renderer.renderToken(tokens, place, options, env)}</div>\n"
