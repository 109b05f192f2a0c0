"""Partners' guides as pages: every file is one, and every link on them leads to a page and an anchor that exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from reports.dashboard.guide_pages import EVENT_SCHEMA
from reports.dashboard.guides import URL, Guides, load_guides, make_guides
from runtime.errors import ConfigurationError
from tests.support.paths import PARTNER_PAGES

FILES = sorted(path.relative_to(PARTNER_PAGES).with_suffix("").as_posix() for path in PARTNER_PAGES.rglob("*.md"))


@pytest.fixture(scope="module")
def guides(tmp_path_factory: pytest.TempPathFactory) -> Guides:
    made = tmp_path_factory.mktemp("guides") / "guides.json"
    assert make_guides(made=made)
    return load_guides(made)


def address(name: str) -> str:
    return URL if name == "README" else f"{URL}/{name}"


def test_every_file_is_a_guide_with_a_title_and_the_first_leads_to_all_others(guides: Guides) -> None:
    assert len(FILES) >= 11
    assert sorted(name + (".zh" if language == "zh" else "") for name, language in guides.pages) == FILES
    assert all(guide.title and "<h1" not in guide.html for guide in guides.pages.values())
    others = {address(name) for name, language in guides.pages if language == "en" and name != "README"}
    assert {link for link in others if f'href="{link}"' not in guides.pages["README", "en"].html} == set()


def test_every_link_leads_to_a_guide_and_an_anchor_of_it_or_out_of_the_place(guides: Guides) -> None:
    addresses = {address(name): name for name, _ in guides.pages}
    links = [(key, link) for key, guide in guides.pages.items() for link in re.findall(r'href="([^"]+)"', guide.html)]

    files = {f"{URL}/{EVENT_SCHEMA.name}", *(f"{URL}/examples/{example}" for example in guides.examples)}
    assert len(links) > 30
    assert len(files) == 6
    assert files <= {link for _, link in links}
    for (name, language), link in links:
        if link.startswith("https://") or link in files:
            continue
        path, _, anchor = link.partition("#")
        target = guides.pages[addresses[path] if path else name, language]
        assert not anchor or f'id="{unquote(anchor)}"' in target.html, (name, link)


def test_the_contents_lead_to_the_headings(guides: Guides) -> None:
    contents = guides.pages["sunmi", "en"].contents

    assert ("callback", "callback") in contents
    assert all(f'<h2 id="{anchor}"' in guides.pages["sunmi", "en"].html for anchor, _ in contents)


def test_a_whole_push_comes_through_as_it_stands(guides: Guides) -> None:
    assert "POST /in/sunmi-main/callback HTTP/1.1\nHost: gw.example.com\n" in guides.pages["pushes/sunmi", "en"].html
    assert "<!-- whole push" not in re.sub(r"<!--.*?-->", "", guides.pages["sunmi", "en"].html)


def test_files_of_the_repository_that_are_no_guides_are_named_and_not_linked(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# A\n\nsee [why](../decisions/0001.md), [B](b.md#two) and [there](https://example.com)\n"
    )
    (tmp_path / "b.md").write_text("# B\n\n## Two\n\n[back](a.md)\n")

    make_guides(tmp_path, tmp_path / "guides.json")

    made = load_guides(tmp_path / "guides.json")
    assert made.pages["a", "en"].html == (
        f'<p>see <a>why</a>, <a href="{URL}/b#two">B</a> and <a href="https://example.com">there</a></p>\n'
    )


def test_lines_of_chinese_come_together_without_a_blank_and_others_with_one(tmp_path: Path) -> None:
    (tmp_path / "a.zh.md").write_text("# A\n\n先验签。\n再应答，用 `SUCCESS`\n或 FAIL\n。\n")

    make_guides(tmp_path, tmp_path / "guides.json")

    made = load_guides(tmp_path / "guides.json").pages["a", "zh"].html
    assert made == "<p>先验签。再应答，用 <code>SUCCESS</code>\n或 FAIL\n。</p>\n"


def test_what_was_made_already_is_left_and_what_was_never_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext\n")

    assert make_guides(tmp_path, tmp_path / "guides.json")
    assert not make_guides(tmp_path, tmp_path / "guides.json")
    with pytest.raises(ConfigurationError, match=r"dashboard\.build"):
        load_guides(tmp_path / "nowhere.json")
    (tmp_path / "guides.json").write_text('["of an earlier form"]')
    with pytest.raises(ConfigurationError, match=r"dashboard\.build"):
        load_guides(tmp_path / "guides.json")
