"""One language of a report: its words, its numbers and times."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Language, Message, Translator, translator

ZH = "zh"


@dataclass(frozen=True)
class ReportVoice:
    """A language, with the dashboard's names and formats, so that both say the same."""

    language: Language

    @cached_property
    def translator(self) -> Translator:
        """The language's catalogue of names. Raises `ConfigurationError` where it was not compiled."""
        return translator(self.language)

    @cached_property
    def formats(self) -> LocaleFormatter:
        """How it writes quantities and times."""
        return LocaleFormatter(self.translator)

    @property
    def tag(self) -> str:
        """The BCP 47 tag."""
        return self.translator.tag

    def say(self, message: Message, /, **values: object) -> str:
        """Return *message* in this language, with *values* in its %(name)s places."""
        return self.translator.say(message, **values)

    def count(self, message: tuple[str, str], n: float, /, **values: object) -> str:
        """Return the form of *message* that fits *n*, which it calls %(n)s, with *values* in its other places."""
        return self.translator.count(*message, round(n), n=self.formats.whole(n), **values)

    def joined(self, items: Iterable[str]) -> str:
        """Return *items* as a list within a sentence."""
        return ("、" if self.language == ZH else ", ").join(items)

    def listed(self, items: Iterable[str]) -> str:
        """Return *items*, which may hold commas, one after the other."""
        return ("；" if self.language == ZH else "; ").join(items)

    def sentence(self, text: str) -> str:
        """Return *text* as a sentence of its own."""
        return f"{text[:1].upper()}{text[1:]}{self._stop}" if text else ""

    def clause(self, text: str) -> str:
        """Return *text* as the end of a sentence that stands before it."""
        comma = "，" if self.language == ZH else ", "
        return f"{comma}{text}{self._stop}" if text else self._stop

    def labelled(self, label: Message, text: str) -> str:
        """Return *text* behind its *label*."""
        return f"{self.say(label)}{self.colon}{text}"

    @property
    def colon(self) -> str:
        """What stands between a label and what it is about."""
        return "：" if self.language == ZH else ": "

    @property
    def _stop(self) -> str:
        return "。" if self.language == ZH else "."

    def other(self) -> "ReportVoice":
        """Return the other language."""
        return ReportVoice("en" if self.language == ZH else "zh")
