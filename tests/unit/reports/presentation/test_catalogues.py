"""Both languages say everything: no message is missing, empty, uncertain or half plural, and no value goes astray."""

import re

import polib
import pytest
from babel.messages.extract import extract_from_file

from reports.presentation.catalogue import REPORTS, SCRIPT_KEYWORDS, extracted, po_path
from reports.presentation.labels import KINDS, PLATFORMS, REASONS, SCRIPT_TEXTS
from reports.presentation.language import LANGUAGES, ContextMessage, Language, translator
from schemas.event import KINDS as ALL_KINDS
from schemas.event import PLATFORMS as ALL_PLATFORMS
from schemas.outcomes import RejectReason

PLACE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_exactly_what_the_sources_say(language: Language) -> None:
    said = {(m.context, m.id if isinstance(m.id, str) else m.id[0]) for m in extracted() if m.id}
    kept = {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(po_path(language)))}

    assert {"reports/dashboard", "reports/presentation", "reports/trial_report"} <= {
        path.rpartition("/")[0] for message in extracted() for path, _ in message.locations
    }
    assert said == kept, "run `python -m reports.presentation.catalogue`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_is_empty_or_fuzzy_or_half_plural(language: Language) -> None:
    catalogue = polib.pofile(str(po_path(language)))
    forms = {"zh": 1, "en": 2}[language]

    assert len(catalogue) > 100
    assert [e.msgid for e in catalogue if not e.translated() or e.fuzzy] == []
    assert [
        e.msgid for e in catalogue if e.msgid_plural and len(list(filter(None, e.msgstr_plural.values()))) != forms
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_names_the_values_of_its_message_and_no_others(language: Language) -> None:
    catalogue = polib.pofile(str(po_path(language)))
    wrong = [
        entry.msgid
        for entry in catalogue
        for text in (entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr])
        if set(PLACE.findall(text)) != set(PLACE.findall(entry.msgid_plural or entry.msgid))
    ]

    assert sum(bool(PLACE.search(entry.msgid)) for entry in catalogue) > 20
    assert wrong == []


def test_chinese_is_chinese() -> None:
    same = {entry.msgid for entry in polib.pofile(str(po_path("zh"))) if entry.msgstr == entry.msgid}

    assert same == {"n"}


def test_the_script_is_given_every_text_that_it_says() -> None:
    said = {
        message
        for path in (REPORTS / "dashboard" / "web" / "src").glob("*.ts")
        for _, message, _, _ in extract_from_file("javascript", path, SCRIPT_KEYWORDS)
    }

    assert said == set(SCRIPT_TEXTS)


def test_every_kind_platform_and_reject_reason_has_a_name() -> None:
    assert tuple(KINDS) == ALL_KINDS
    assert tuple(PLATFORMS) == ALL_PLATFORMS
    assert tuple(REASONS) == tuple(RejectReason)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_explained_with_cause_and_way_out(language: Language) -> None:
    words = translator(language)
    explained = [words.say(part) for text in REASONS.values() for part in (text.title, text.cause, text.way_out)]

    assert len(set(explained)) == 3 * len(RejectReason)
    assert all(explained)


def test_english_that_says_two_things_is_told_apart_by_what_it_is_about() -> None:
    chinese, english = translator("zh"), translator("en")
    number = ContextMessage("report", "Trial")

    assert (chinese.say("Trial"), chinese.say(number)) == ("试验", "试验编号")
    assert english.say("Trial") == english.say(number) == "Trial"


def test_pages_and_report_keep_no_words_of_their_own_beside_the_catalogue() -> None:
    """Chinese in their code is a text that the catalogue does not know; date patterns are no texts."""
    chinese = re.compile("[\\u4e00-\\u9fff]")
    sources = [p for part in ("dashboard", "presentation", "trial_report") for p in (REPORTS / part).glob("*.py")]
    found = {path.name: set(chinese.findall(path.read_text(encoding="utf-8"))) for path in sources}

    assert len(found) > 20
    assert {name: signs for name, signs in found.items() if signs} == {"formats.py": set("年月日")}
