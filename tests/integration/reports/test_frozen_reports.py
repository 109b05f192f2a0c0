"""Frozen reports: what is signed holds on any machine, what is changed is named, and what came later is told."""

import html
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar.testing import TestClient
from pydantic import TypeAdapter
from typer import Typer
from typer.testing import CliRunner

from avenue.commands.report import register
from avenue.serve.application import http_application
from reports.api.routes import Language, ReportFormat, ReportRequest
from reports.frozen import store as frozen_store
from reports.frozen.freeze import FreezeLimits, FreezeRefusedError, freeze
from reports.frozen.keep import FreezeRequest, freeze_and_keep
from reports.frozen.signing_key import SigningKey, signing_key
from reports.frozen.store import EXTRACT, MODEL, SignedReport, form_name
from reports.queries.model import NotCompleteError
from reports.service import ReadService
from reports.trial_report.make import report_maker
from reports.verification.check import Verification, verify
from reports.verification.extract import COLUMNS, ExtractFile, read_extract, write_extract
from reports.verification.seal import pem_of, read_public_keys, sealed, slot
from reports.verification.software import MadeByJson
from reports.verification.stated import stated_reason
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import Settings
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.reports_harness import DAY, HOUR, KEYS, NOW, START, World, event
from tests.support.trial_report_harness import AS_OF, before_the_start, report_directory, report_events, report_world
from tests.support.verapdf import broken_rules

pytestmark = pytest.mark.clickhouse

LIMITS = FreezeLimits(max_event_age_days=30, max_rows=100_000)
FORMS: tuple[ReportFormat, ...] = get_args(ReportFormat)
EVENTS = sum(e.occurred_ms < AS_OF for e in (*report_events(), *before_the_start()))


@dataclass(frozen=True)
class FrozenSample:
    """A frozen report of the street, with its key."""

    world: World
    settings: Settings
    key: SigningKey
    report: SignedReport

    @property
    def model(self) -> bytes:
        return self.report.files[MODEL]

    def file(self) -> ExtractFile:
        return read_extract(self.report.extract)

    def check(
        self, report: bytes | None = None, extract: bytes | None = None, key: SigningKey | None = None
    ) -> Verification:
        keys = read_public_keys(pem_of((key or self.key).private))
        return verify(report or self.model, extract or self.report.extract, keys)


@pytest.fixture(scope="module")
def sample(
    _store_stays_open: None, clickhouse_folder: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrozenSample]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    world, settings = report_world(store), Settings(home=tmp_path_factory.mktemp("home"))
    report = freeze_and_keep(world.context(), store.writer(), settings, FreezeRequest("neuro", None))
    yield FrozenSample(world, settings, signing_key(settings), report)
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


# --- what holds


def test_a_frozen_report_holds_in_every_form_and_language(sample: FrozenSample) -> None:
    names = {form_name(language, form) for language in get_args(Language) for form in FORMS}
    found = {name: sample.check(content) for name, content in sample.report.files.items()}

    assert found.keys() == names
    assert {name: one.differences for name, one in found.items()} == dict.fromkeys(names, ())
    assert {(one.key_id, one.events) for one in found.values()} == {(sample.key.key_id, EVENTS)}
    assert all(one.figures > 400 for one in found.values())


def test_the_same_data_as_of_the_same_moment_gives_the_same_bytes(sample: FrozenSample) -> None:
    """An hour later, and named: as long as the data are the same, so is every file, and nothing new is stored."""
    later = sample.world.context(now_ms=NOW + HOUR)

    again = freeze_and_keep(later, sample.world.clickhouse.writer(), sample.settings, FreezeRequest("neuro", AS_OF))

    assert again == sample.report
    assert [entry.report_id for entry in frozen_store.entries(later, "neuro")] == [again.report_id]


def test_it_holds_on_another_machine_by_the_command(
    sample: FrozenSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVENUE_HOME", str(tmp_path / "nothing"))
    command = _command()
    (tmp_path / "report.pdf").write_bytes(sample.report.files["zh.pdf"])
    (tmp_path / "report.extract.parquet").write_bytes(sample.report.extract)
    (tmp_path / "key.pem").write_bytes(pem_of(sample.key.private))
    asked = ["report", "verify", str(tmp_path / "report.pdf"), "--public-key", str(tmp_path / "key.pem")]

    held = CliRunner().invoke(command, asked)
    keyless = CliRunner().invoke(command, asked[:3])
    as_json = CliRunner().invoke(command, [*asked, "--json"])

    assert (held.exit_code, held.stderr) == (0, "")
    assert held.stdout.startswith(f"verified: signed by key {sample.key.key_id}")
    assert re.search(
        r"^stated, not computed: \d+ what was rejected, came twice or is settled", held.stdout, re.MULTILINE
    )
    assert (keyless.exit_code, "--public-key" in keyless.stderr) == (2, True)
    assert json.loads(as_json.stdout)["verified"] is True
    assert not (tmp_path / "nothing").exists()


def test_every_value_is_computed_anew_or_of_the_few_that_no_event_proves(sample: FrozenSample) -> None:
    """The sections that a reader looks at are all computed; what is only stated is a closed list."""
    stated = sample.file().metadata.stated

    assert stated
    assert [path for path in stated if stated_reason(path) is None] == []
    computed = ("period", "placements", "totals", "daily", "funnels", "definitions", "arrivals.stored", "arrivals.late")
    assert [path for path in stated if path.startswith(computed)] == []
    words = ("reason_text", "next_step", "harm_text", "zh", "en")
    assert [path for path in stated if path.startswith("readout.metrics") and not path.endswith(words)] == []


def test_the_extract_holds_nobody(sample: FrozenSample) -> None:
    """People are numbers in order of appearance; no hash, id or attribute of the store is in any column."""
    table = sample.file().table
    events = [e for e in (*report_events(), *before_the_start()) if e.occurred_ms < AS_OF]

    assert table.column_names == list(COLUMNS)
    texts = {value for name in COLUMNS for value in table.column(name).to_pylist() if isinstance(value, str)}
    assert texts
    assert not texts & {text for e in events for text in (e.subject, e.session_id, e.event_id, e.account_id) if text}
    subjects = [number for number in table.column("subject").to_pylist() if number]
    assert len(set(subjects)) == len({e.subject for e in events} - {""})
    assert list(dict.fromkeys(subjects)) == list(range(1, len(set(subjects)) + 1))


def test_the_pdf_keeps_to_the_standards_that_it_claims(
    sample: FrozenSample, pdf_validator: list[Path], tmp_path: Path
) -> None:
    """PDF/A-3a and PDF/UA-1 as veraPDF reads them, in both languages; of one without its language it says so."""
    contents = {name: sample.report.files[name] for name in ("zh.pdf", "en.pdf")}
    contents["mute.pdf"] = contents["en.pdf"].replace(b"/Lang", b"/Gone")
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    found = broken_rules(pdf_validator, [tmp_path / name for name in contents])

    kept: dict[str, list[str]] = {"PDF/A-3A": [], "PDF/UA-1": []}
    assert (found["zh.pdf"], found["en.pdf"]) == (kept, kept)
    assert found["mute.pdf"]["PDF/UA-1"]


# --- what does not


def _number(sample: FrozenSample) -> Verification:
    text = b'"stored": %d' % json.loads(sample.model)["arrivals"]["stored"]
    return sample.check(sample.model.replace(text, b'"stored": 9'))


def _stated(sample: FrozenSample) -> Verification:
    return sample.check(sample.model.replace(b'"personal_data": 1', b'"personal_data": 0'))


def _space(sample: FrozenSample) -> Verification:
    return sample.check(sample.model.replace(b"\n  ", b"\n ", 1))


def _byte_of(name: str) -> Callable[[FrozenSample], Verification]:
    def changed(sample: FrozenSample) -> Verification:
        content = bytearray(sample.report.files[name])
        at = {"pdf": content.find(b"/Creator"), "html": content.find(b"<h1>"), "xlsx": content.find(b"PK\x01\x02") + 12}
        content[at[name[3:]] + 1] ^= 1
        return sample.check(bytes(content))

    return changed


def _key(sample: FrozenSample) -> Verification:
    return sample.check(key=SigningKey(Ed25519PrivateKey.generate()))


def _forged(sample: FrozenSample) -> Verification:
    """Signed anew by another, who says that it was the owner of the key."""
    other, name = SigningKey(Ed25519PrivateKey.generate()), sample.key.key_id
    seal = re.compile(rb"(avenue-seal-json:[0-9a-f]{16}:)[A-Za-z0-9+/=]{88}")
    emptied = seal.sub(rb"\g<1>" + b"." * 88, sample.model)
    return sample.check(sealed(emptied, "json", name, other.sign))


def _rows(change: Callable[[Any], Any]) -> Callable[[FrozenSample], Verification]:
    def changed(sample: FrozenSample) -> Verification:
        file = sample.file()
        return sample.check(extract=write_extract(change(file.table), file.metadata))

    return changed


def _without_17(table: Any) -> Any:
    return table.filter(pc.not_equal(table.column("event"), 17))


def _twice_17(table: Any) -> Any:
    return pa.concat_tables([table.slice(0, 17), table.slice(16)])


def _one_more(table: Any) -> Any:
    last = table.slice(table.num_rows - 1)
    return pa.concat_tables(
        [table, last.set_column(0, table.schema.field(0), pa.array([table.num_rows + 1], pa.uint32()))]
    )


def _an_outcome(table: Any) -> Any:
    outcomes = table.column("outcome").to_pylist()
    outcomes[outcomes.index("failed")] = "ok"
    return table.set_column(table.column_names.index("outcome"), "outcome", pa.array(outcomes))


def _registry(sample: FrozenSample) -> Verification:
    file = sample.file()
    first = msgspec.structs.replace(file.metadata.registry.placements[0], heartbeat_s=60)
    registry = msgspec.structs.replace(
        file.metadata.registry, placements=[first, *file.metadata.registry.placements[1:]]
    )
    return sample.check(extract=write_extract(file.table, msgspec.structs.replace(file.metadata, registry=registry)))


def _another_file(sample: FrozenSample) -> Verification:
    return sample.check(extract=b"PAR1 none of ours")


CHANGED: dict[str, tuple[Callable[[FrozenSample], Verification], tuple[str, ...]]] = {
    "a number": (
        _number,
        (r"signature: it does not hold", r"arrivals\.stored: the report says 9, the events give 3\d\d"),
    ),
    "a stated number": (
        _stated,
        (r"signature:", r"arrivals\.rejected\.personal_data: the report says 0, the extract has"),
    ),
    "a space": (_space, (r"signature: it does not hold",)),
    "a byte of the PDF": (_byte_of("zh.pdf"), (r"signature: it does not hold; this PDF",)),
    "a byte of the page": (_byte_of("en.html"), (r"signature: it does not hold; this HTML",)),
    "a byte of the workbook": (_byte_of("en.xlsx"), (r"signature: it does not hold; this XLSX",)),
    "the key": (_key, (r"signature: it names the key [0-9a-f]{16}, and the public keys given are",)),
    "the signer": (_forged, (r"signature: it does not hold",)),
    "a missing event": (
        _rows(_without_17),
        (r"extract: the report names SHA-256", r"extract: event 17 is missing", r"arrivals\.\w+: the report says"),
    ),
    "an event twice": (
        _rows(_twice_17),
        (
            r"extract: the report names",
            r"extract: event 17 is there more than once",
            r"totals\[events\]\.value: the report",
        ),
    ),
    "an event more": (
        _rows(_one_more),
        (
            r"extract: the report names",
            rf"extract: event {EVENTS + 1} is none of the report's {EVENTS}",
            r"totals\[events\]",
        ),
    ),
    "an outcome": (
        _rows(_an_outcome),
        (r"extract: the report names", r"totals\[success_rate\]\.value: the report says", r"funnels\["),
    ),
    "the registry": (
        _registry,
        (
            r"extract: the report names",
            r"registry\.placements\[p-1\]\.heartbeat_s: the report says 3600, the extract has",
        ),
    ),
    "the extract": (_another_file, (r"extract: the report names", r"extract: it cannot be read as Parquet")),
}


@pytest.mark.parametrize("what", list(CHANGED))
def test_whatever_is_changed_is_named_on_a_line(sample: FrozenSample, what: str) -> None:
    change, expected = CHANGED[what]

    found = change(sample).differences

    assert expected
    assert [pattern for pattern in expected if not any(re.search(pattern, line) for line in found)] == [], found


def test_only_the_seal_differs_where_only_a_space_does(sample: FrozenSample) -> None:
    assert len(_space(sample).differences) == 1


def test_a_report_that_is_not_frozen_says_so(sample: FrozenSample) -> None:
    request = ReportRequest("neuro", "en", "json", AS_OF)
    plain = report_maker(sample.settings)(sample.world.context(), request).content

    assert any("it is not frozen" in line for line in sample.check(plain).differences)


def test_what_does_not_hold_exits_1_with_each_difference_on_a_line(sample: FrozenSample, tmp_path: Path) -> None:
    files = {"report.json": sample.model.replace(b'"stored": ', b'"stored": 1'), "key.pem": pem_of(sample.key.private)}
    for name, content in {**files, "x.parquet": sample.report.extract}.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in ("report.json", "x.parquet", "key.pem")]

    found = CliRunner().invoke(_command(), ["report", "verify", paths[0], "--data", paths[1], "--public-key", paths[2]])

    assert found.exit_code == 1
    assert len(found.stdout.splitlines()) == 2
    assert "does not hold: 2 differences" in found.stderr


RESIGNED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a lift": (
        lambda tree: _arm(tree, "pilot")["lift"].update(absolute=0.31),
        r"readout\.metrics\[success_rate\]\.arms\[pilot\]\.lift\.absolute: the report says 0\.31, the events give",
    ),
    "an estimate": (
        lambda tree: _arm(tree, "pilot").update(estimate=0.99),
        r"readout\.metrics\[success_rate\]\.arms\[pilot\]\.estimate: the report says 0\.99, the events give 0\.\d+",
    ),
    "why there is no interval": (
        lambda tree: _arm(tree, "pilot")["lift"].update(reason="too_few_days"),
        r"lift\.reason: the report says 'too_few_days', the events give 'one_place'",
    ),
    "what may be compared": (
        lambda tree: tree["readout"].update(design="switching"),
        r"readout\.design: the report says 'switching', the events give",
    ),
    "a number of units": (
        lambda tree: tree["readout"]["units"]["counted"].update(pilot=999),
        r"readout\.units\.counted\.pilot: the report says 999, the events give \d+",
    ),
    "a number of the health list": (
        lambda tree: tree["readout"]["health"][1]["numbers"].update(seen=999),
        r"readout\.health\[units\]\.numbers\.seen: the report says 999, the events give \d+",
    ),
    "how a health line is": (
        lambda tree: _line(tree, "coverage").update(state="good"),
        r"readout\.health\[coverage\]\.state: the report says 'good', the events give 'warning'",
    ),
    "what a health line finds": (
        lambda tree: _line(tree, "blocks").update(finding="judged"),
        r"readout\.health\[blocks\]\.finding: the report says 'judged', the events give 'one_place'",
    ),
    "when the last event came": (
        lambda tree: _line(tree, "arriving")["numbers"].update(last_ms=7),
        r"readout\.health\[arriving\]\.numbers\.last_ms: the report says 7, the events give \d{13}",
    ),
    "how long nothing came": (
        lambda tree: _line(tree, "arriving")["numbers"].update(quiet_ms=7),
        r"readout\.health\[arriving\]\.numbers\.quiet_ms: the report says 7, the events give \d+",
    ),
    "how many placements report": (
        lambda tree: _line(tree, "placements")["numbers"].update(reporting=7),
        r"readout\.health\[placements\]\.numbers\.reporting: the report says 7, the events give \d",
    ),
    "what is being recomputed": (
        lambda tree: _line(tree, "flagged")["numbers"].update(flagged=7),
        r"readout\.health\[flagged\]\.numbers\.flagged: the report says 7, the events give \d",
    ),
    "a note on what is not final": (
        lambda tree: tree["notes"][0].update(state="good"),
        r"notes\[running\]\.state: the report says 'good', the events give 'warning'",
    ),
    "which note stands": (
        lambda tree: tree["notes"][-1].update(code="final"),
        r"notes\[final\]\.code: the report says 'final', for which nothing stands",
    ),
    "how many rejects it counts": (
        lambda tree: tree["freshness"].update(rejected=999),
        r"freshness\.rejected: the report says 999, the events give \d",
    ),
    "a note of the registry": (
        lambda tree: tree["trial"]["notes"][0]["text"].update(en="nothing happened"),
        r"trial\.notes\[\w+\]\.text\.en: the report says 'nothing happened', the events give '\w+",
    ),
    "a definition": (
        lambda tree: tree["definitions"][0]["formula"].update(en="what we like"),
        r"definitions\[events\]\.formula\.en: the report says 'what we like', the events give",
    ),
    "what it was computed with": (
        lambda tree: tree["made_by"].update(method="another"),
        r"made_by\.method: the report says 'another', the extract has '[0-9a-f]{12}'",
    ),
    "that it is final": (lambda tree: tree.update(final=True), r"final: the report says True, the events give False"),
    "the plan": (
        lambda tree: tree["trial"].update(plan="fixed", smallest_effect=0.2),
        r"trial\.smallest_effect: the report says 0\.2, the events give 0\.05",
    ),
}


@pytest.mark.parametrize("what", list(RESIGNED))
def test_a_figure_that_its_own_signer_changed_is_named_too(sample: FrozenSample, what: str) -> None:
    """Signed anew with the same key, and the extract untouched: only the computation can tell."""
    change, expected = RESIGNED[what]
    tree = json.loads(sample.model)
    change(tree)
    tree["signature"]["seal"] = slot("json", sample.key.key_id)

    found = sample.check(sealed(json.dumps(tree).encode(), "json", sample.key.key_id, sample.key.sign)).differences

    assert any(re.search(expected, line) for line in found), found
    # Two fields of the plan; a note under another code, and each of its values.
    assert len(found) == {"the plan": 2, "which note stands": 10}.get(what, 1)


def test_another_method_is_told_beside_the_differences(sample: FrozenSample) -> None:
    other = sample.model.replace(json.loads(sample.model)["made_by"]["method"].encode(), b"0" * 12)

    assert sample.check().note == ""
    assert re.match(r"computed with Avenue [\d.]+, method 000000000000; this is Avenue", sample.check(other).note)


def _line(tree: dict[str, Any], check: str) -> dict[str, Any]:
    (line,) = [line for line in tree["readout"]["health"] if line["check"] == check]
    return cast("dict[str, Any]", line)


def _arm(tree: dict[str, Any], name: str) -> dict[str, Any]:
    (metric,) = [metric for metric in tree["readout"]["metrics"] if metric["role"] == "primary"]
    (arm,) = [arm for arm in metric["arms"] if arm["arm"] == name]
    return cast("dict[str, Any]", arm)


# --- which moment


@pytest.mark.parametrize("form", FORMS)
def test_a_named_moment_gives_the_same_bytes_whenever_it_is_asked(sample: FrozenSample, form: ReportFormat) -> None:
    make, request = report_maker(sample.settings), ReportRequest("neuro", "en", form, AS_OF - HOUR)

    first = make(sample.world.context(), request).content
    later = make(sample.world.context(now_ms=NOW + DAY), request).content

    assert first == later
    assert first != make(sample.world.context(), replace(request, as_of_ms=AS_OF - 2 * HOUR)).content


def test_a_moment_up_to_which_data_are_not_complete_is_refused(sample: FrozenSample) -> None:
    with pytest.raises(NotCompleteError, match="take an earlier moment"):
        report_maker(sample.settings)(sample.world.context(), ReportRequest("neuro", "en", "json", AS_OF + 1))


def test_a_trial_that_has_not_begun_is_not_frozen(clickhouse: ClickHouse, sample: FrozenSample) -> None:
    directory = report_directory(starts="2026-12-01T00:00:00+08:00", baseline_from=None)

    with pytest.raises(FreezeRefusedError, match="has not begun"):
        freeze(sample.world.context(directory=directory), "neuro", asked_ms=AS_OF, limits=LIMITS, key=sample.key)


# --- later


def test_a_later_report_says_what_has_changed_and_the_frozen_one_stays(
    clickhouse: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, settings = report_world(clickhouse), Settings(home=tmp_path)
    first = freeze_and_keep(world.context(), clickhouse.writer(), settings, FreezeRequest("neuro", AS_OF - HOUR))
    late = event(
        9000, subject="e" * 32, kind="order.refunded", amount_fen=700, occurred_ms=START + HOUR, received_ms=NOW
    )

    unchanged = _report(world, settings)
    world.store([late])
    changed = _report(world, settings)
    monkeypatch.setattr("reports.trial_report.data.made_by", lambda: MadeByJson("Avenue", "another"))
    by_another = _report(world, settings)

    assert (unchanged["report_id"], unchanged["changes"]) == (first.report_id, 0)
    assert [one["other_method"] for one in (unchanged, changed, by_another)] == [False, False, True]
    said = {line["figure"]: (line["then"], line["now"]) for line in changed["changed"]}
    stored = json.loads(first.files[MODEL])["arrivals"]["stored"]
    assert said["arrivals.stored"] == (str(stored), str(stored + 1))
    assert changed["changes"] > len(changed["changed"]) == 20
    assert frozen_store.file(world.context(), "neuro", first.report_id, MODEL) == first.files[MODEL]
    assert frozen_store.file(world.context(), "neuro", first.report_id, EXTRACT) == first.extract


def test_how_far_behind_the_store_is_when_asked_is_no_change_of_a_figure(sample: FrozenSample) -> None:
    make, request = report_maker(sample.settings), ReportRequest("neuro", "en", "json")

    later = json.loads(make(sample.world.context(now_ms=NOW + HOUR), request).content)

    assert later["freshness"]["lag_s"] > 3600
    assert later["since_frozen"] is None


def _report(world: World, settings: Settings) -> dict[str, Any]:
    request = ReportRequest("neuro", "en", "json", AS_OF)
    found = json.loads(report_maker(settings)(world.context(), request).content)["since_frozen"]
    return TypeAdapter(dict[str, Any]).validate_python(found)


# --- over HTTP and by the command


def test_readers_of_the_trial_list_and_take_it_and_others_find_nothing(sample: FrozenSample) -> None:
    own, foreign = ({"Authorization": f"Bearer {KEYS[name]}"} for name in ("startup:calmwave", "startup:limbus"))
    report_id = sample.report.report_id
    base = "/v1/trials/neuro/reports"
    with TestClient(_application(sample)) as client:
        listed = client.get(base, headers=own).json()["reports"]
        pdf = client.get(f"{base}/{report_id}?lang=en&format=pdf", headers=own)
        extract = client.get(f"{base}/{report_id}/extract", headers=own)
        refused = [
            client.get(path, headers=foreign).status_code
            for path in (base, f"{base}/{report_id}", f"{base}/{report_id}/extract")
        ]
        unknown = client.get(f"{base}/0000000000000000", headers=own).status_code

    assert [(one["id"], one["extract_sha256"]) for one in listed] == [(report_id, sample.report.extract_sha256)]
    assert listed[0]["verify"].startswith(
        f"avenue report verify neuro-{report_id}-zh.pdf --data neuro-{report_id}.extract"
    )
    assert pdf.content == sample.report.files["en.pdf"]
    assert pdf.headers["content-type"] == "application/pdf"
    assert extract.content == sample.report.extract
    assert (refused, unknown) == ([404, 404, 404], 404)


def test_the_trials_page_lists_each_file_and_whoever_may_not_see_the_trial_gets_none(sample: FrozenSample) -> None:
    report_id, path = sample.report.report_id, f"/v1/trials/neuro/reports/{sample.report.report_id}"
    with TestClient(_application(sample)) as client:
        client.headers.update({"accept": "text/html", "accept-language": "en"})
        client.post("/sign-in", data={"key": KEYS["startup:calmwave"], "next": "/trials"})
        page = client.get("/trials/neuro").text
        listed = client.get("/v1/trials/neuro/reports").json()["reports"][0]["files"]
        links = re.findall(rf'href="({path}\?[^"]+)"', page)
        found = {link: client.get(html.unescape(link)) for link in links}
        client.cookies.clear()
        client.post("/sign-in", data={"key": KEYS["startup:limbus"], "next": "/trials"})
        foreign = [client.get("/trials/neuro"), *(client.get(html.unescape(link)) for link in links)]

    assert len(links) == len(set(links)) == 8
    assert {html.unescape(link) for link in links} == {one["path"] for one in listed}
    names = {frozen_store.form_name(one["lang"], one["format"]): found[html.escape(one["path"])] for one in listed}
    assert {name: answer.content for name, answer in names.items()} == dict(sample.report.files)
    assert f'href="{path}/extract"' in page
    assert f"avenue report verify neuro-{report_id}-en.pdf --data" in page
    assert {answer.status_code for answer in foreign} == {404}


def test_only_an_operator_freezes(sample: FrozenSample) -> None:
    body = json.dumps({"trial": "neuro", "as_of_ms": AS_OF})
    with TestClient(_application(sample)) as client:
        found = {
            scope: client.post("/internal/freeze", content=body, headers={"Authorization": f"Bearer {KEYS[scope]}"})
            for scope in ("startup:calmwave", "programme", "operator")
        }
        unknown = client.post(
            "/internal/freeze", content='{"trial": "x"}', headers={"Authorization": f"Bearer {KEYS['operator']}"}
        )

    assert {scope: answer.status_code for scope, answer in found.items()} == {
        "startup:calmwave": 403,
        "programme": 403,
        "operator": 200,
    }
    assert found["operator"].json()["report_id"] == sample.report.report_id
    assert unknown.status_code == 404


def test_the_api_takes_a_moment_and_refuses_one_that_is_not_complete(sample: FrozenSample) -> None:
    own = {"Authorization": f"Bearer {KEYS['startup:calmwave']}"}
    path = "/v1/trials/neuro/report?format=json&as_of="
    with TestClient(_application(sample)) as client:
        found = client.get(f"{path}2026-11-22T10:00:00%2B08:00", headers=own)
        ahead = client.get(f"{path}2026-11-23", headers=own)

    assert found.json()["as_of"] == found.json()["period"]["to"] == "2026-11-22T10:00:00+08:00"
    assert (ahead.status_code, ahead.json()["parameter"]) == (400, "as_of")


def _application(sample: FrozenSample) -> Any:
    service = ReadService(
        clickhouse=sample.world.clickhouse,
        directory=lambda: sample.world.directory,
        settings=sample.settings,
        clock=ManualClock(NOW),
    )
    return http_application(sample.settings, lambda: sample.world.directory, read_service=service)


def _command() -> Typer:
    app = Typer()
    app.command()(lambda: None)
    register(app)
    return app
