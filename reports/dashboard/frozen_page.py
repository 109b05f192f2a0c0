"""A trial's frozen reports on its page: what each stands on, its files, and how anybody checks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.frozen.store import FrozenEntry, forms_of, verify_command
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator

SHORT = 8
"""Characters of a digest that tell a person's frozen reports apart."""
LISTED = 12
"""On the page; the API lists all."""


@dataclass(frozen=True, slots=True)
class FrozenList:
    """The frozen reports of one trial, the latest first, in one language."""

    trial_id: str
    entries: Sequence[FrozenEntry]
    words: Translator

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        return {
            "rows": [self._row(entry) for entry in self.entries[:LISTED]],
            "more": max(0, len(self.entries) - LISTED),
            "verify": verify_command(self.trial_id, self.entries[0].report_id, self.words.language)
            if self.entries
            else "",
        }

    def _row(self, entry: FrozenEntry) -> dict[str, Any]:
        formats = LocaleFormatter(self.words)
        path = f"/v1/trials/{self.trial_id}/reports/{entry.report_id}"
        return {
            "id": entry.report_id,
            "short": entry.report_id[:SHORT],
            "sha256": entry.extract_sha256,
            "as_of": f"{formats.date(entry.as_of_ms)} {formats.clock(entry.as_of_ms)}",
            "frozen": f"{formats.date(entry.frozen_ms)} {formats.clock(entry.frozen_ms)}",
            "events": formats.whole(entry.events),
            "forms": [
                {"language": language, "links": [(form, _link(path, language, form)) for form in forms]}
                for language, forms in forms_of(entry).items()
            ],
            "extract": f"{path}/extract",
        }


def _link(path: str, language: str, form: str) -> str:
    return f"{path}?lang={language}&format={form}"
