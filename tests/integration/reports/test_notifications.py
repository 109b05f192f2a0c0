"""What channels are told: each alert and the digest once at each platform, over restarts, and nothing of another's."""

import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reports.metrics import METRICS, TranslatedText
from reports.notifications.delivery import deliver
from reports.notifications.log import FrozenReport
from reports.notifications.notifier import ChannelNotifier
from reports.notifications.platforms import MaybeDeliveredError, NotDeliveredError
from reports.notifications.readings import ArmReading, readings
from reports.notifications.teller import TooManyTestsError
from runtime.clickhouse import ClickHouse
from runtime.metrics import PLACEMENTS_SILENT
from runtime.settings import NotificationSettings, Settings
from schemas.registry import MetricId, NotificationChannel
from schemas.timing import DAY_MS, HOUR_MS
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import EMG, NEURO, NOW, Street
from tests.support.notification_harness import MemoryNotificationTopic, MemoryPlatforms, notifier_of
from tests.support.notification_stand_ins import SECRETS, StandIns, stand_ins
from tests.support.reports_harness import at

pytestmark = pytest.mark.clickhouse

MONDAY = at("2026-11-23T09:30")
PLATFORMS = ("feishu", "dingtalk", "wecom", "webhook", "mail")
QUICK = Settings(notification=NotificationSettings(start_s=0, retry_s=0.01, timeout_s=2.0))


@pytest.fixture(scope="module")
def life(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Street]:
    """Return the street with three weeks of life; what a test changes of it, `street` undoes."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    found = Street(store)
    yield found
    found.reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


@dataclass
class TellingStreet:
    """The street, its topic of messages, and who tells."""

    street: Street
    topic: MemoryNotificationTopic
    platforms: MemoryPlatforms
    environ: dict[str, str]

    def register(self, *channels: NotificationChannel) -> None:
        """Put *channels* in force, as an apply does."""
        registry = self.street.directory.registry
        assert registry is not None
        changed = registry.model_copy(update={"channels": list(channels)})
        self.street.directory = replace(self.street.directory, registry=changed)

    def process(self, take: Any = None, settings: Settings = QUICK) -> ChannelNotifier:
        """Return a notifier, as new as after a restart."""
        service = replace(self.street.reading, settings=settings, directory=lambda: self.street.directory)
        return notifier_of(service, self.topic, take or self.platforms, self.environ, self.street.clock)

    def is_it(self, now_ms: int) -> None:
        """Move the clock, and let the road be up to date."""
        self.street.clock.advance(now_ms - self.street.clock.now_ms())
        for table in ("sink_sources", "worker_sources"):
            # They only ever grow, and tests go back in time.
            self.street.clickhouse.writer().command(f"TRUNCATE TABLE {table}")
        self.street.mark_complete(now_ms - 12_000)


@pytest.fixture
def telling(life: Street) -> Iterator[TellingStreet]:
    """Return the street at its own time, with one channel's address in the environment."""
    before = life.directory
    found = TellingStreet(life, MemoryNotificationTopic(), MemoryPlatforms(), {"ADDRESS": "json://127.0.0.1:9/a"})
    yield found
    life.directory = before
    found.is_it(NOW)


def channel(name: str = "c-1", **fields: Any) -> NotificationChannel:
    """Return a channel of calmwave, or what *fields* say."""
    owner = {} if "trial" in fields else {"startup": "calmwave"}
    return NotificationChannel(**{"id": name, "address": "env:ADDRESS", **owner, **fields})


def reading(metric: MetricId, role: str, state: str) -> ArmReading:
    """Return what a readout says of the pilot arm."""
    verdict = {"good": ("优于对照", "better than the baseline"), "bad": ("劣于对照", "worse than the baseline")}
    return ArmReading(
        metric=metric,
        role=role,
        arm="pilot",
        state=state,  # type: ignore[arg-type]  # one of the closed set
        compared=True,
        name=METRICS[metric].name,
        arm_name=TranslatedText("体验组", "Pilot"),
        estimate=TranslatedText("91.0%", "91.0%"),
        lift=TranslatedText("+12.9 个百分点", "+12.9 points"),
        lift_interval=TranslatedText("+5.1 至 +20.2", "+5.1 to +20.2"),
        verdict=TranslatedText(*verdict.get(state, ("尚无差异", "no difference shown so far"))),
        days=TranslatedText("", ""),
    )


def judged(*found: ArmReading) -> Any:
    """Return readings of neuro-band, and none of other trials."""
    return lambda _context, trial_id: found if trial_id == NEURO else ()


REACHED = reading("success_rate", "primary", "good")
HARMED = reading("duration_p95", "guardrail", "bad")


@pytest.fixture
def platforms(telling: TellingStreet) -> Iterator[StandIns]:
    """Return the stand-ins, by the street's clock."""
    with stand_ins() as found:
        found.now_s = lambda: telling.street.clock.now_ms() / 1000
        yield found


def test_digest_and_each_alert_are_told_once_at_each_platform_over_restarts(
    telling: TellingStreet, platforms: StandIns, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as the roles' logs have it
    monkeypatch.setattr("reports.notifications.pending.readings", judged(REACHED, HARMED))
    telling.environ.update({name.upper(): address for name, address in platforms.addresses.items()})
    languages = dict(zip(PLATFORMS, ("zh", "en", "zh", "en", "zh"), strict=True))
    telling.register(*(channel(p, address=f"env:{p.upper()}", language=languages[p]) for p in PLATFORMS))
    telling.topic.frozen.append(FrozenReport(NEURO, "0123456789abcdef0123", MONDAY - HOUR_MS))
    take = partial(deliver, settings=QUICK.notification)

    telling.is_it(MONDAY)
    for _ in range(3):
        telling.process(take).look()
    telling.is_it(MONDAY + 9 * HOUR_MS)
    for _ in range(2):
        telling.process(take).look()

    assert platforms.refused == []
    for platform in PLATFORMS:
        told = platforms.texts(platform)
        titles = [text.splitlines()[0] for text in told]
        assert len(told) == len(set(titles)) == 7, titles
        chinese = languages[platform] == "zh"
        for words in (ZH if chinese else EN).values():
            assert [title for title in titles if words in title] != [], words
        assert all(
            ("下一步：" if chinese else "Next: ") in text
            for text in told
            if "脑智大道每周" not in text and "This week" not in text
        )
    assert [secret for secret in SECRETS if secret in caplog.text] == []
    telling.is_it(MONDAY + DAY_MS)
    telling.process(take).look()
    assert [len(platforms.texts(platform)) for platform in PLATFORMS] == [8] * 5


ZH = {
    "digest": "脑智大道每周摘要",
    "placement": "展位 p-017",
    "placement_too": "展位 p-018",
    "trial": "整个试验没有上报",
    "guardrail": "变差",
    "verdict": "主要指标已有结论",
    "frozen": "报告已冻结",
}
EN = {
    "digest": "This week on the avenue",
    "placement": "placement p-017",
    "placement_too": "placement p-018",
    "trial": "the whole trial is silent",
    "guardrail": "got worse",
    "verdict": "the primary metric has a verdict",
    "frozen": "a report was frozen",
}


def test_a_digest_says_state_value_verdict_freshness_what_is_missing_and_where(
    telling: TellingStreet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.notifications.pending.readings", judged(REACHED, HARMED))
    telling.register(channel("zh"), channel("en", language="en"))
    telling.is_it(MONDAY + 7 * DAY_MS)

    telling.process().look()

    zh, en = (
        next(m for _, m in telling.platforms.took if (m.channel_id, m.kind) == (name, "digest"))
        for name in ("zh", "en")
    )
    assert en.title == "This week on the avenue, 30 Nov 2026"
    assert en.body.splitlines() == [
        "■ Focus headband neuro-band-2026q4",
        "Running, day 29 of 60",
        "Success rate, Pilot: 91.0%; better than the baseline (+12.9 points, +5.1 to +20.2)",
        "Guardrail: 95th percentile of duration, Pilot: worse than the baseline (+12.9 points, +5.1 to +20.2)",
        "Data up to 30 Nov 09:29; rejected: 3",
        "Missing: 21 placement-days sent nothing",
        "Silent now: p-017 (café), p-018 (café), p-120-aihuishou (trade-in)",
        "http://127.0.0.1:9480/trials/neuro-band-2026q4",
    ]
    assert en.link == "http://127.0.0.1:9480/trials"
    assert "进行中，第 29 天" in zh.body
    assert "p-017（café）、p-018（café）" in zh.body
    assert "优于对照（+12.9 个百分点，+5.1 至 +20.2）" in zh.body


@pytest.mark.parametrize(
    ("fields", "trials"),
    [({"startup": "calmwave"}, {NEURO}), ({"startup": "limbus"}, {EMG}), ({"trial": EMG}, {EMG})],
)
def test_a_channel_never_hears_of_another_startup(
    telling: TellingStreet, fields: Mapping[str, str], trials: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.notifications.pending.readings", lambda _context, _trial_id: (REACHED, HARMED))
    telling.register(channel(**fields))
    telling.topic.frozen += [FrozenReport(trial, f"r-{trial}", MONDAY) for trial in (NEURO, EMG)]
    telling.is_it(MONDAY + 9 * HOUR_MS)

    telling.process().look()

    alerts = [message for _, message in telling.platforms.took if message.kind != "digest"]
    (digest,) = [message for _, message in telling.platforms.took if message.kind == "digest"]
    (other,) = {NEURO, EMG} - trials
    others_name = {NEURO: "头环", EMG: "臂环"}[other]
    assert {message.kind for message in alerts} >= {"trial_silent", "guardrail_harmed", "verdict_reached"}
    assert {message.trial_id for message in alerts} == trials
    said = " ".join(m.title + m.body + m.link for m in (*alerts, digest))
    assert other not in said
    assert others_name not in said


def test_a_channel_hears_what_it_asked_for_alone(telling: TellingStreet) -> None:
    telling.register(channel(tells=["trial_silent"]))
    telling.is_it(MONDAY + 9 * HOUR_MS)

    telling.process().look()

    assert telling.platforms.told == [("c-1", "trial_silent", NEURO)]


def test_operators_see_how_many_places_are_silent_though_nobody_has_a_channel(telling: TellingStreet) -> None:
    telling.register()
    telling.is_it(at("2026-11-22T22:30"))
    telling.process().look()
    closed = silent_placements()
    telling.is_it(MONDAY + 9 * HOUR_MS)
    telling.process().look()

    due = {p.id for p in telling.street.directory.placements.values() if p.trial == NEURO}
    assert closed[NEURO] == 0
    assert 0 < silent_placements()[NEURO] <= len(due)
    assert telling.platforms.told == []


def silent_placements() -> dict[str, float]:
    """Return the operators' gauge, by trial."""
    (family,) = PLACEMENTS_SILENT.collect()
    return {sample.labels["trial"]: sample.value for sample in family.samples}


def test_a_place_is_judged_by_its_own_rhythm_and_nobody_while_the_road_is_behind(telling: TellingStreet) -> None:
    telling.register(channel(tells=["placement_silent", "trial_silent"]))
    # 22:30: closed; nothing is due. 08:30: an hour's heartbeat was missed, of which half an hour was open.
    telling.is_it(at("2026-11-22T22:30"))
    telling.process().look()
    telling.is_it(at("2026-11-23T08:30"))
    telling.process().look()
    before = {message.body for _, message in telling.platforms.took}
    # Nine hours on nobody reports, and the road itself has told nothing since.
    telling.street.clock.advance(9 * HOUR_MS)
    telling.process().look()

    assert len(before) == 2
    assert telling.platforms.told == [("c-1", "placement_silent", NEURO)] * 2
    assert all("营业" in body for body in before)


def test_nothing_is_called_silent_just_after_a_start(telling: TellingStreet) -> None:
    telling.register(channel(tells=["trial_silent"]))
    telling.is_it(MONDAY + 9 * HOUR_MS)
    settings = Settings(notification=NotificationSettings(start_s=900))
    subject = telling.process(settings=settings)

    subject.look()
    assert telling.platforms.told == []
    telling.is_it(MONDAY + 9 * HOUR_MS + 900_000)
    subject.look()

    assert telling.platforms.told == [("c-1", "trial_silent", NEURO)]


def test_a_digest_whose_hour_nobody_was_up_is_told_late_in_that_week_and_once(telling: TellingStreet) -> None:
    telling.register(channel(tells=["digest"]))

    counts = []
    for moment in ("2026-11-23T08:59", "2026-11-25T00:10", "2026-11-29T23:00", "2026-11-30T08:00", "2026-12-06T23:50"):
        telling.is_it(at(moment))
        telling.process().look()
        counts.append(len(telling.platforms.took))

    assert counts == [0, 1, 1, 1, 2]


def test_a_digest_is_told_on_its_day_from_its_hour_on_and_the_next_week_again(telling: TellingStreet) -> None:
    telling.register(channel(tells=["digest"]))

    counts = []
    for moment in ("2026-11-23T08:59", "2026-11-23T21:00", "2026-11-24T10:00", "2026-11-30T09:00"):
        telling.is_it(at(moment))
        telling.process().look()
        counts.append(len(telling.platforms.took))

    assert counts == [0, 1, 1, 2]


def test_what_surely_did_not_arrive_is_told_later_and_what_may_have_arrived_is_not(telling: TellingStreet) -> None:
    telling.register(channel(tells=["digest"]))
    telling.is_it(MONDAY)
    subject = telling.process()
    telling.platforms.fail = NotDeliveredError("refused")

    subject.look()
    subject.look()
    tried = telling.platforms.tried
    failing = subject.failures()["c-1"]
    telling.is_it(MONDAY + round(QUICK.notification.pause_s * 1000))
    telling.platforms.fail = None
    subject.look()

    assert tried == 1
    assert (failing.since_ms, failing.why) == (MONDAY, "refused")
    assert telling.platforms.told == [("c-1", "digest", "")]
    assert subject.failures() == {}

    telling.is_it(MONDAY + 7 * DAY_MS)
    telling.platforms.fail = MaybeDeliveredError("no answer")
    telling.process().look()
    telling.platforms.fail = None
    telling.process().look()
    assert len(telling.platforms.took) == 1


def test_of_two_processes_that_look_at_the_same_moment_one_tells(telling: TellingStreet) -> None:
    telling.register(channel(tells=["digest", "placement_silent"]))
    telling.is_it(MONDAY)
    telling.topic.read_before = True
    processes = telling.process(), telling.process()

    for one in (*processes, *processes):
        one.look()

    assert Counter(kind for _, kind, _ in telling.platforms.told) == {"placement_silent": 2, "digest": 1}


def test_a_channel_without_an_address_fails_by_name_and_no_other_does(telling: TellingStreet) -> None:
    telling.register(channel("gone", address="env:GONE"), channel("there", tells=["digest"]))
    telling.is_it(MONDAY)
    subject = telling.process()

    subject.look()

    assert telling.platforms.told == [("there", "digest", "")]
    assert subject.failures()["gone"].why == "the environment variable GONE is not set or empty"


def test_a_flood_is_cut_and_the_rest_is_told_at_the_next_look(
    telling: TellingStreet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.notifications.pending.readings", judged(REACHED, HARMED))
    telling.register(channel())
    telling.is_it(MONDAY)
    few = Settings(notification=NotificationSettings(start_s=0, queue=2))
    subject = telling.process(settings=few)

    subject.look()
    first = len(telling.platforms.took)
    subject.look()
    subject.look()

    assert first == 2
    assert Counter(kind for _, kind, _ in telling.platforms.told) == {
        "placement_silent": 2,
        "guardrail_harmed": 1,
        "verdict_reached": 1,
        "digest": 1,
    }


def test_a_test_is_sent_at_once_in_the_channels_language_and_not_more_often_than_allowed(
    telling: TellingStreet,
) -> None:
    telling.register(channel("zh"), channel("en", language="en"))
    subject = telling.process()

    found = [subject.test(name).outcome for name in ("zh", "en")]
    for _ in range(QUICK.notification.tests_per_hour - 1):
        subject.test("zh")
    with pytest.raises(TooManyTestsError):
        subject.test("zh")
    telling.street.clock.advance(HOUR_MS)
    again = subject.test("zh").outcome

    assert found == ["told", "told"]
    assert again == "told"
    titles = {message.title for _, message in telling.platforms.took}
    assert titles == {"通知通道 zh 测试", "Test of channel en"}
    with pytest.raises(KeyError):
        subject.test("other")


def test_what_alerts_say_of_a_metric_is_what_the_page_says(telling: TellingStreet) -> None:
    found = readings(telling.street.context(), NEURO)

    assert [(r.metric, r.role) for r in found if r.arm == "pilot"] == [
        ("success_rate", "primary"),
        ("duration_p95", "guardrail"),
        ("refund_rate", "guardrail"),
    ]
    primary = next(r for r in found if (r.metric, r.arm) == ("success_rate", "pilot"))
    assert primary.compared
    assert "%" in primary.estimate.en
    assert primary.verdict.zh != primary.verdict.en != ""
    baseline = next(r for r in found if (r.metric, r.arm) == ("success_rate", "baseline"))
    assert (baseline.compared, baseline.state) == (False, "unknown")


def test_stopping_ends_the_thread_and_gives_free_what_was_not_sent(telling: TellingStreet) -> None:
    telling.register(channel())
    subject = telling.process()
    subject.start()

    subject.stop()
    subject.look()

    assert telling.platforms.told == []
    assert telling.topic.claims == {}
