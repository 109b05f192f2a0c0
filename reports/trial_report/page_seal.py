"""What a frozen report says of its data, who signed it and how to check it; and what changed since one was frozen."""

from typing import Final

from reports.presentation.labels import N_, NP_
from reports.presentation.language import Message
from reports.queries.spans import iso
from reports.trial_report import words
from reports.trial_report.blocks import Block, FactsBlock, ParagraphBlock, ReportSection, TableBlock, TableColumn
from reports.trial_report.content import TrialReport
from reports.trial_report.statement import FrozenJson, SignedModel, SinceFrozenJson
from reports.trial_report.voice import ReportVoice
from reports.verification.seal import ALGORITHM
from reports.verification.software import made_by
from schemas.event import parse_time_ms

SIGNATURE: Final = N_("Signature")
SINCE: Final = N_("Changed since it was frozen")
SINCE_NOTE: Final = N_(
    "Compared with the frozen report %(report)s as of %(time)s. Both figures are of that report's time: data that "
    "came late, were refunded or were corrected since make them differ. Figures changed: %(changes)s."
)
SINCE_METHOD: Final = N_(
    "That report was computed with another method: figures may differ by the method, too, and not only by data."
)
SINCE_NONE: Final = N_(
    "Compared with the frozen report %(report)s as of %(time)s: counted again, no figure of that time has changed."
)
SINCE_MORE: Final = N_("The first %(shown)s of %(changes)s; the JSON form names them by the same paths.")
FIGURE: Final = N_("Figure")
THEN: Final = N_("As frozen")
NOW: Final = NP_("report", "Now")
SEALED: Final = N_(
    "This report is frozen: its data are fixed, and no later event changes it. Every figure was computed a second "
    "time, from the extract alone, before it was signed: the verdict with its intervals, units, totals, days, "
    "placements and the funnel. Later reports say what differs."
)
CHECKED: Final = N_(
    "To check it on any machine: avenue report verify FILE --data %(extract)s --public-key KEY.pem. It checks the "
    "signature and the extract, computes every figure anew, and names each value that differs."
)
STATED: Final = N_("Stated, not computed")
STATED_VALUE: Final = N_(
    "what was rejected, came twice or is settled; how far the data had come and how the street stood at that moment; "
    "names of the registry; texts. No event of the extract proves them, so the extract holds a copy of each"
)
DATA_AS_OF: Final = N_("Data fixed as of")
ON_LOG: Final = N_("Events on the log")
ON_LOG_VALUE: Final = N_(
    "%(topic)s, epoch %(epoch)s, partition %(partition)s: offsets %(first)s to %(last)s, %(events)s events"
)
ON_LOG_NONE: Final = NP_("log", "none")
SETTLED: Final = N_("Settlement")
SETTLED_VALUE: Final = N_("%(windows)s five-minute windows settled, latest run %(run)s")
REGISTRY: Final = N_("Registry version")
EXTRACT: Final = N_("Extract")
EXTRACT_VALUE: Final = N_("%(name)s: %(events)s events, %(bytes)s bytes")
EXTRACT_SHA: Final = N_("SHA-256 of the extract")
MODEL_SHA: Final = N_("SHA-256 of the signed document")
KEY: Final = N_("Signing key")
KEY_VALUE: Final = N_("%(algorithm)s, %(key)s")
VALUE: Final = N_("Signature in base64")
_HEX_PART = 16


def since_section(report: TrialReport, voice: ReportVoice) -> tuple[ReportSection, ...]:
    """Return what has changed since an earlier report was frozen; nothing where none was."""
    if report.since is None:
        return ()
    since, whole = report.since, voice.formats.whole
    given = {"report": since.report_id, "time": voice.formats.moment(parse_time_ms(since.as_of))}
    if not since.changes:
        return (ReportSection(voice.say(SINCE), (ParagraphBlock(voice.say(SINCE_NONE, **given)),)),)
    notes = [ParagraphBlock(voice.say(SINCE_NOTE, changes=whole(since.changes), **given))]
    if since.other_method:
        notes.append(ParagraphBlock(voice.say(SINCE_METHOD)))
    return (ReportSection(voice.say(SINCE), (*notes, _changed(since, voice))),)


def _changed(since: SinceFrozenJson, voice: ReportVoice) -> TableBlock:
    columns = (TableColumn(voice.say(FIGURE), "left", 1), TableColumn(voice.say(THEN)), TableColumn(voice.say(NOW)))
    shown, whole = len(since.changed), voice.formats.whole
    more = voice.say(SINCE_MORE, shown=whole(shown), changes=whole(since.changes)) if shown < since.changes else ""
    return TableBlock(columns, tuple((line.figure, line.then, line.now) for line in since.changed), note=more)


def seal_section(report: TrialReport, voice: ReportVoice, signed: SignedModel | None) -> tuple[ReportSection, ...]:
    """Return the signature page; nothing where the report is not signed."""
    if report.frozen is None or signed is None:
        return ()
    blocks: tuple[Block, ...] = (
        ParagraphBlock(voice.say(SEALED)),
        FactsBlock(tuple((voice.say(name), value) for name, value in _facts(report, report.frozen, voice, signed))),
        ParagraphBlock(voice.say(CHECKED, extract=report.frozen.extract.name)),
    )
    return (ReportSection(voice.say(SIGNATURE), blocks, own_page=True),)


def _facts(
    report: TrialReport, frozen: FrozenJson, voice: ReportVoice, signed: SignedModel
) -> tuple[tuple[Message, str], ...]:
    whole, extract, made = voice.formats.whole, frozen.extract, made_by()
    settled = voice.say(SETTLED_VALUE, windows=whole(frozen.settlement.windows), run=frozen.settlement.latest_run)
    named = voice.say(EXTRACT_VALUE, name=extract.name, events=whole(extract.events), bytes=whole(extract.bytes))
    return (
        (DATA_AS_OF, iso(report.present_ms)),
        (ON_LOG, _log(frozen, voice)),
        (SETTLED, settled),
        (REGISTRY, whole(frozen.registry.registry_version)),
        (EXTRACT, named),
        (EXTRACT_SHA, _parted(extract.sha256)),
        (MODEL_SHA, _parted(signed.sha256)),
        (STATED, voice.say(STATED_VALUE)),
        (words.MADE_BY, voice.say(words.MADE_BY_VALUE, software=made.software, method=made.method)),
        (KEY, voice.say(KEY_VALUE, algorithm=ALGORITHM, key=signed.key_id)),
        (VALUE, _parted(signed.signature, _HEX_PART * 2)),
    )


def _log(frozen: FrozenJson, voice: ReportVoice) -> str:
    whole = voice.formats.whole
    said = [
        voice.say(
            ON_LOG_VALUE,
            topic=part.topic,
            epoch=part.epoch,
            partition=part.partition,
            first=whole(part.first_offset),
            last=whole(part.last_offset),
            events=whole(part.events),
        )
        for part in frozen.log
    ]
    return voice.listed(said) or voice.say(ON_LOG_NONE)


def _parted(text: str, size: int = _HEX_PART) -> str:
    """Return *text* in parts with spaces between, so that a line may end there and an eye can follow."""
    return " ".join(text[start : start + size] for start in range(0, len(text), size))
