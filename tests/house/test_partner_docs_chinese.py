"""The partners' pages in Chinese say what the English ones say: line by line the same code, numbers, cells and links."""

import re
from collections import Counter
from typing import NamedTuple

import pytest

from tests.support.paths import PARTNER_PAGES, ROOT

ENGLISH = sorted(
    path.relative_to(PARTNER_PAGES).with_suffix("").as_posix()
    for path in PARTNER_PAGES.rglob("*.md")
    if "." not in path.stem
)
PLATFORMS = [name for name in ENGLISH if "/" not in name and name != "README"]
LIST = {"": "## Every published message\n", ".zh": "## 全部已知消息\n"}
BECOMES = {"kept": "保留", "handshake": "地址校验", "not pushed": "不推送"}
CODE = re.compile(r"`[^`]+`")
LINK = re.compile(r"\]\(([^)]+)\)")


class Said(NamedTuple):
    """What of a line is the same in every language."""

    shape: str
    cells: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """By cell: its code and its numbers, in whatever order the language wants them."""
    links: tuple[str, ...]


def text(name: str, suffix: str = "") -> str:
    return (PARTNER_PAGES / f"{name}{suffix}.md").read_text()


def blocks(page: str) -> list[str]:
    return re.findall(r"^```.*?^```$", page, re.DOTALL | re.MULTILINE)


def prose(page: str) -> list[str]:
    return re.sub(r"^```.*?^```$", "```", page, flags=re.DOTALL | re.MULTILINE).splitlines()


def said(line: str) -> Said:
    shape = "".join(re.findall(r"^(?:#+ |- |\||```|<!--.*)", line))
    links = tuple(re.sub(r"\.zh(?=\.md)|(?<=#).*", "", link) for link in LINK.findall(line))
    words = LINK.sub("]", line)
    cells = tuple(
        (tuple(sorted(CODE.findall(cell))), tuple(sorted(re.findall(r"\d+", CODE.sub("", cell)))))
        for cell in (words.split("|") if shape == "|" else [words])
    )
    return Said(shape, cells, links)


def listed(name: str, suffix: str) -> list[list[str]]:
    """Return flow, message, what it becomes and when noted, of each line of a page's list."""
    _, _, after = text(name, suffix).partition(LIST[suffix])
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in after.splitlines() if row[:1] == "|"]
    return [[flow, message, becomes, noted] for flow, message, becomes, *_, noted in rows[2:]]


def test_every_page_stands_in_both_languages() -> None:
    files = Counter(path.name.partition(".")[0] for path in PARTNER_PAGES.rglob("*.md"))

    assert len(ENGLISH) >= 11
    assert [name for name in ENGLISH if not (PARTNER_PAGES / f"{name}.zh.md").is_file()] == []
    assert sum(files.values()) == 2 * len(ENGLISH)


@pytest.mark.parametrize("name", ENGLISH)
def test_a_chinese_page_has_the_code_of_the_english_one(name: str) -> None:
    assert blocks(text(name))
    assert blocks(text(name, ".zh")) == blocks(text(name))


@pytest.mark.parametrize("name", ENGLISH)
def test_each_line_of_a_chinese_page_says_what_the_english_line_says(name: str) -> None:
    english, chinese = prose(text(name)), prose(text(name, ".zh"))

    assert english
    assert [(one, other) for one, other in zip(english, chinese, strict=False) if said(one) != said(other)] == []
    assert len(english) == len(chinese)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_chinese_page_lists_the_same_published_messages(name: str) -> None:
    english = [
        [flow, message, BECOMES.get(becomes, becomes), noted] for flow, message, becomes, noted in listed(name, "")
    ]

    assert english
    assert listed(name, ".zh") == english


@pytest.mark.parametrize("name", ENGLISH)
def test_a_chinese_page_leads_to_chinese_pages_and_leaves_no_sentence_in_english(name: str) -> None:
    page = text(name, ".zh")
    pages = [link for link in LINK.findall(page) if re.match(r"(\.\./)?(pushes/)?[A-Za-z]+(\.zh)?\.md", link)]
    words = [
        re.findall(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", CODE.sub("", line)) for line in prose(page) if line[:1] != "<"
    ]

    assert pages or name.startswith("pushes/")
    assert [link for link in pages if ".zh.md" not in link and link != "../connectors.md"] == []
    assert [found for found in words if found] == []


def test_pages_and_guides_have_one_word_for_a_flow() -> None:
    catalogue = (ROOT / "reports/locale/zh_Hans_CN/LC_MESSAGES/avenue.po").read_text()
    guides = [page.read_text() for page in PARTNER_PAGES.rglob("*.zh.md")]

    assert 'msgid "Flow"\nmsgstr "通道"' in catalogue
    assert sum("通道" in guide for guide in guides) > len(PLATFORMS)
    assert [one[:40] for one in (catalogue, *guides) if "接入流" in one] == []
