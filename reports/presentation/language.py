"""The page's language: which one a request asks for, and what is said in it."""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, get_args

from litestar import Request

from runtime.errors import ConfigurationError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LOCALES: Mapping[Language, str] = {"zh": "zh_Hans_CN", "en": "en"}
TAGS: Mapping[Language, str] = {"zh": "zh-Hans-CN", "en": "en"}
"""For the `lang` attribute: it also picks the Chinese forms of characters that Japanese shares."""
LOCALE_FOLDER = Path(__file__).parent.parent / "locale"
DOMAIN = "avenue"
LANGUAGE_COOKIE = "avenue_lang"


class Bilingual(Protocol):
    """A text that brings both languages along: names in the registry, metric definitions."""

    @property
    def zh(self) -> str:
        """In Chinese."""
        ...

    @property
    def en(self) -> str:
        """In English."""
        ...


class ContextMessage(NamedTuple):
    """A message whose English says two things that another language tells apart, with what it is about here."""

    context: str
    text: str


Message: TypeAlias = str | ContextMessage
"""What the catalogue is asked for: English, as it stands in the source."""


@dataclass(frozen=True, slots=True)
class Translator:
    """One language and its catalogue."""

    language: Language
    catalogue: gettext.NullTranslations

    @property
    def tag(self) -> str:
        """The BCP 47 tag."""
        return TAGS[self.language]

    @property
    def locale(self) -> str:
        """Babel's name of the locale."""
        return LOCALES[self.language]

    def say(self, message: Message, /, **values: object) -> str:
        """Return *message*, English in the source, in this language, with *values* in its %(name)s places."""
        if isinstance(message, str):
            return self.catalogue.gettext(message) % values
        return self.catalogue.pgettext(message.context, message.text) % values

    def count(self, singular: str, plural: str, n: int, /, **values: object) -> str:
        """Return the form of a message that fits *n*, with *values* in its %(name)s places."""
        return self.catalogue.ngettext(singular, plural, n) % values

    def pick(self, text: Bilingual) -> str:
        """Return the side of *text* that this language reads."""
        return text.zh if self.language == "zh" else text.en


@cache
def translator(language: Language) -> Translator:
    """Return *language* with its compiled catalogue. Raises `ConfigurationError` where it was not compiled."""
    try:
        catalogue = gettext.translation(DOMAIN, LOCALE_FOLDER, [LOCALES[language]])
    except OSError as error:
        raise ConfigurationError(
            f"the dashboard's {language} catalogue is not compiled; "
            "run `make setup`, or `python -m reports.dashboard.build`"
        ) from error
    return Translator(language, catalogue)


def asked_language(request: Request[Any, Any, Any]) -> Language | None:
    """Return the language of `?lang=`, which is a click on the switch, or None."""
    return _known(request.query_params.get("lang", ""))


def language_of(request: Request[Any, Any, Any]) -> Language:
    """Return the language for *request*: the click, the cookie it left, what the browser prefers, else Chinese."""
    remembered = _known(request.cookies.get(LANGUAGE_COOKIE, ""))
    return asked_language(request) or remembered or _preferred(request.headers.get("accept-language", "")) or "zh"


def _known(text: str) -> Language | None:
    return next((language for language in LANGUAGES if language == text), None)


def _preferred(header: str) -> Language | None:
    """Return the first known language of an Accept-Language *header* by weight."""
    weighed: list[tuple[float, int, Language]] = []
    for place, item in enumerate(header.split(",")[:20]):
        tag, _, weight = item.partition(";")
        known = _known(tag.strip().lower()[:2])
        if known:
            weighed.append((-_weight(weight), place, known))
    return min(weighed)[2] if weighed else None


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
