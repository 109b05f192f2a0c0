"""What a file must hold to beyond its form: each rule broken once in the example file."""

import pytest

from registry.file import FileProblem, check_registry
from tests.support.paths import EXAMPLE_REGISTRY

EXAMPLE = EXAMPLE_REGISTRY.read_text()

SECOND_TRIAL = """
[[trials]]
id = "{id}"
product = "neuro-band"
starts = {starts}
ends = 2027-06-01T00:00:00+08:00
arms = ["pilot"]
hypothesis = {{ zh = "二", en = "two" }}
primary_metric = "uptime"
{more}
"""
SECOND_PLACEMENT = """
[[placements]]
id = "p-new"
trial = "{trial}"
arm = "{arm}"
account = "sunmi-main"
match = {{ sn = "{sn}" }}
place = "{place}"
metre = {metre}
side = "north"
from = {begins}
until = 2027-01-01T00:00:00+08:00
"""


def problems_of(text: str, *, production: bool = False) -> list[FileProblem]:
    """Return what is wrong with *text*."""
    return list(check_registry(text.encode(), production=production).problems)


def changed(old: str, new: str, *, at: int = 0) -> str:
    """Return the example with its occurrence number *at* of *old* replaced."""
    parts = EXAMPLE.split(old)
    assert len(parts) > at + 1, f"the example holds no {old!r} number {at}"
    return old.join(parts[: at + 1]) + new + old.join(parts[at + 1 :])


ZONE = 'zone = "café"\n'
PLAN = 'arms = ["baseline", "pilot"]'
CASES = {
    "an id twice": ('id = "p-018"', 'id = "p-017"', "id", "id of entry 1"),
    "an unknown startup": ('startup = "limbus"', 'startup = "limbu"', "startup", "did you mean `limbus`?"),
    "an unknown trial": ('trial = "emg-arm-2026q4"', 'trial = "emg"', "trial", "there is no trial `emg`"),
    "an unknown account": ('account = "meituan-main"', 'account = "meituan"', "account", "`meituan-main`"),
    "an unknown product of an account": ('"emg-arm"]   #', '"emg-arn"]   #', "products.1", "`emg-arm`"),
    "a product of an account twice": ('"emg-arm"]   #', '"neuro-band"]   #', "products.1", "twice"),
    "an arm of no trial": ('arm = "baseline"', 'arm = "basis"', "arm", "did you mean `baseline`?"),
    "an arm twice": ('arms = ["pilot"]', 'arms = ["pilot", "pilot"]', "arms.1", "twice"),
    "a guardrail twice": ('["success_rate"]', '["uptime", "uptime"]', "guardrails.1", "twice"),
    "the primary metric as guardrail": ('["success_rate"]', '["duration_p50"]', "guardrails.0", "primary metric already"),
    "a primary metric twice": (
        'primary_metric = "success_rate"',
        'primary_metric = "success_rate"\nmore_primary_metrics = ["orders", "orders"]',
        "more_primary_metrics.1",
        "`orders` stands in more_primary_metrics twice",
    ),
    "the first primary metric again": (
        'primary_metric = "success_rate"',
        'primary_metric = "success_rate"\nmore_primary_metrics = ["orders", "success_rate"]',
        "more_primary_metrics.1",
        "is `primary_metric` already",
    ),
    "another primary metric as guardrail": (
        'primary_metric = "duration_p50"',
        'primary_metric = "duration_p50"\nmore_primary_metrics = ["success_rate"]',
        "guardrails.0",
        "`success_rate` is a primary metric already",
    ),
    "more primary metrics than anybody reads": (
        'primary_metric = "success_rate"',
        'primary_metric = "success_rate"\nmore_primary_metrics = ["orders", "uptime", "events", "starts", "sessions"]',
        "more_primary_metrics",
        "at most 4",
    ),
    "a primary metric that is none": (
        'primary_metric = "success_rate"',
        'primary_metric = "success_rate"\nmore_primary_metrics = ["order"]',
        "more_primary_metrics.0",
        "did you mean `orders`?",
    ),
    "a zone in Chinese alone": (ZONE, 'zone_zh = "咖啡馆"\n', "zone_zh", "`zone` is missing"),
    "a trial that ends first": ("ends = 2027-01-01", "ends = 2026-01-01", "ends", "not after the trial starts"),
    "a placement too early": ("from = 2026-10-01", "from = 2026-09-01", "from", "baseline_from"),
    "a placement too late": ("until = 2027-01-01", "until = 2027-01-02", "until", "after trial"),
    "a placement that ends first": ("until = 2027-01-01", "until = 2026-09-01", "until", "not after it begins"),
    "a placement beyond the avenue": ("metre = 120", "metre = 201", "metre", "beyond the avenue's 200 m"),
    "a metre that is no number": ("metre = 120", "metre = nan", "metre", "greater than or equal to 0"),
    "a match key of another platform": ("{ client_id", "{ store_id", "match.store_id", "bilibili does not send"),
    "match keys without account": ('account = "aihuishou-main"\n', "", "match", "add `account`"),
    "a match that stands twice": ('sn = "N302TEST"', 'sn = "N301P00TEST01"', "match", "`p-017`"),
    "a flow of another platform": ("secrets = { callback", "secrets = { webhook", "secrets.webhook", "no flow of sunmi"),
    "waimai without address": (
        'platform = "meituan"\npublic_url = "https://gw.example.com"\n',
        'platform = "meituan"\n',
        "public_url",
        "waimai signs the address",
    ),
    "an address with a slash": ('gw.example.com"', 'gw.example.com/"', "public_url", "slash at the end"),
    "an address without scheme": ('"https://gw', '"gw', "public_url", "https://gw.example.com"),
    "a reference of no sort": ('["plain:bili', '["bili', "secrets.webhook.0", "env:NAME"),
    "three secrets": ('["plain:mt_sign_key"]', '["env:A", "env:B", "env:C"]', "secrets.service", "at most 2"),
    "an unknown kind": ('"order.paid"', '"order.pays"', "message_types.580001", "did you mean `order.paid`?"),
    "hours that end first": (
        'zone = "café"\n',
        'zone = "café"\nhours = { opens = "20:00", closes = "02:00" }\n',
        "hours",
        "by 24:00",
    ),
    "hours of another form": ('zone = "café"\n', 'zone = "café"\nhours = { opens = "8" }\n', "hours.opens", "08:30"),
    "a day in no arm of the trial": (ZONE, f"{ZONE}arm_days = {{ basis = [2026-10-02] }}\n", "arm_days.basis", "did you mean"),
    "a day in its own arm": (ZONE, f"{ZONE}arm_days = {{ pilot = [2026-10-02] }}\n", "arm_days.pilot", "leave these out"),
    "a day twice": (ZONE, f"{ZONE}arm_days = {{ baseline = [2026-10-02, 2026-10-02] }}\n", "arm_days.baseline.1", "already"),
    "a day before it stands": (ZONE, f"{ZONE}arm_days = {{ baseline = [2026-09-30] }}\n", "arm_days.baseline.0", "does not stand"),
    "a day after it": (ZONE, f"{ZONE}arm_days = {{ baseline = [2027-01-01] }}\n", "arm_days.baseline.0", "does not stand"),
    "a day with a time": (ZONE, f"{ZONE}arm_days = {{ baseline = [2026-10-02T00:00:00Z] }}\n", "arm_days.baseline.0", "without a time"),
    "no day": (ZONE, f"{ZONE}arm_days = {{ baseline = [] }}\n", "arm_days.baseline", "at least 1"),
    "a rota of one arm": ('arms = ["pilot"]', 'arms = ["pilot"]\nrota = { seed = "x" }', "rota", "two at least"),
    "a rota of an unknown place": (PLAN, f'{PLAN}\nrota = {{ seed = "x", places = ["p-0177"] }}', "rota.places.0", "did you mean `p-017`"),
    "a rota of a place twice": (PLAN, f'{PLAN}\nrota = {{ seed = "x", places = ["p-017", "p-017"] }}', "rota.places.1", "twice"),
    "a carry-over of daily changes": (PLAN, f'{PLAN}\ncarry_over = "1d"\nrota = {{ seed = "x" }}', "carry_over", "by week"),
    "a carry-over of hours": (PLAN, f'{PLAN}\ncarry_over = "4h"', "carry_over", "whole number"),
    "a carry-over of months": (PLAN, f"{PLAN}\ncarry_over = 31", "carry_over", "30"),
    "a rota by the hour": (PLAN, f'{PLAN}\nrota = {{ seed = "x", block = "hour" }}', "rota.block", "known are day, week"),
    "a local date": ("from = 2026-10-01T00:00:00+08:00", "from = 2026-10-01", "from", "time with an offset"),
    "a number in quotes": ("metre = 17", 'metre = "17"', "metre", "without quotes"),
    "an event age of no form": ('platform = "sunmi"', 'platform = "sunmi"\nmax_event_age = 500', "max_event_age", "400"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "hint"), CASES.values(), ids=CASES.keys())
def test_a_broken_rule_is_one_problem_that_says_the_way_out(old: str, new: str, field: str, hint: str) -> None:
    text = changed(old, new)

    (problem,) = problems_of(text)

    assert problem.where.endswith(field)
    assert hint in problem.message


@pytest.mark.parametrize(
    ("starts", "more"),
    [("2026-12-31T00:00:00+08:00", ""), ("2027-02-01T00:00:00+08:00", "baseline_from = 2026-12-01T00:00:00+08:00")],
    ids=["the trials", "a baseline"],
)
def test_two_trials_of_a_product_do_not_overlap(starts: str, more: str) -> None:
    (problem,) = problems_of(EXAMPLE + SECOND_TRIAL.format(id="two", starts=starts, more=more))

    assert problem.where == 'trials "two", starts'
    assert "`neuro-band-2026q4`" in problem.message


def test_a_product_may_have_a_trial_after_a_trial() -> None:
    assert problems_of(EXAMPLE + SECOND_TRIAL.format(id="two", starts="2027-01-01T00:00:00+08:00", more="")) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"trial": "emg-arm-2026q4", "arm": "pilot"}, "trial"),
        ({"arm": "baseline"}, "arm"),
        ({"metre": 18}, "metre"),
    ],
    ids=["two trials", "two arms", "two spots"],
)
def test_a_place_is_one_spot_in_one_trial_and_arm_at_a_time(given: dict[str, str], field: str) -> None:
    fields = {"trial": "neuro-band-2026q4", "arm": "pilot", "sn": "N9", "place": "p-017", "metre": 17} | given
    (problem,) = problems_of(EXAMPLE + SECOND_PLACEMENT.format(begins="2026-11-01T00:00:00+08:00", **fields))

    assert problem.where == f'placements "p-new", {field}'
    assert "`p-017`" in problem.message


@pytest.mark.parametrize(
    ("fields", "field", "hint"),
    [
        ('trial = "emg"\ntext = { zh = "雨", en = "rain" }', "trial", "there is no trial `emg`"),
        ('trial = "emg-arm-2026q4"', "text", "add it"),
        ('text = { zh = "雨", en = "rain" }', "", ""),
    ],
)
def test_a_note_has_a_text_and_belongs_to_a_trial_that_is_there_or_to_all(fields: str, field: str, hint: str) -> None:
    problems = problems_of(f'{EXAMPLE}\n[[notes]]\nid = "rain"\nat = 2026-10-03T12:00:00+08:00\n{fields}\n')

    assert [problem.where for problem in problems] == ([f'notes "rain", {field}'] if field else [])
    assert all(hint in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("arm", "days", "field"),
    [
        ("pilot", "baseline = [2026-11-03]", None),
        ("pilot", "baseline = [2026-11-04]", "arm_days"),
        ("baseline", "pilot = [2026-11-01, 2026-11-02, 2026-11-04, 2026-11-05]", None),
        ("baseline", "pilot = [2026-11-01, 2026-11-02, 2026-11-04]", "arm"),
        ("baseline", "pilot = [2026-11-01, 2026-11-02, 2026-11-03, 2026-11-04, 2026-11-05]", "arm_days"),
    ],
)
def test_two_placements_of_a_place_are_in_one_arm_on_every_day(arm: str, days: str, field: str | None) -> None:
    """By whatever usual arm and days each says it: p-017 is in the pilot but on the 3rd and, before both, the 1st."""
    switching = changed(ZONE, f"{ZONE}arm_days = {{ baseline = [2026-10-01, 2026-11-03] }}\n")
    fields = {"trial": "neuro-band-2026q4", "sn": "N9", "place": "p-017", "metre": 17, "arm": arm}
    second = SECOND_PLACEMENT.format(begins="2026-11-01T00:00:00+08:00", **fields)
    second = second.replace("until = 2027-01-01", f"arm_days = {{ {days} }}\nuntil = 2026-11-06")

    problems = problems_of(switching + second)

    assert [problem.where for problem in problems] == ([f'placements "p-new", {field}'] if field else [])


def test_one_place_may_have_a_placement_for_each_platform_and_a_device_may_be_handed_over() -> None:
    fields = {"trial": "neuro-band-2026q4", "arm": "pilot", "sn": "N301P00TEST01", "place": "p-017", "metre": 17}
    handed_over = changed("until = 2027-01-01T00:00:00+08:00", "until = 2026-11-01T00:00:00+08:00")

    assert problems_of(handed_over + SECOND_PLACEMENT.format(begins="2026-11-01T00:00:00+08:00", **fields)) == []


def test_plain_secrets_want_a_demo() -> None:
    found = problems_of(changed("demo = true", "demo = false"))

    assert len(found) == EXAMPLE.count('["plain:')
    assert all("demo = true" in problem.message for problem in found)


def test_what_hangs_on_a_wrong_field_is_not_found_fault_with_on_top() -> None:
    wrong_start = changed("starts = 2026-10-01T00:00:00+08:00", 'starts = "soon"')

    (problem,) = problems_of(wrong_start)

    assert problem.where == 'trials "neuro-band-2026q4", starts'


def test_a_placement_whose_account_may_not_name_its_product_is_a_warning_with_its_line() -> None:
    text = changed('products = ["neuro-band", "emg-arm"]', 'products = ["emg-arm"]')

    checked = check_registry(text.encode())

    assert checked.registry is not None
    assert [warning.where for warning in checked.warnings] == [f'placements "p-{n}", account' for n in ("017", "018")]
    warning = checked.warnings[0]
    assert text.splitlines()[warning.line - 1] == 'account = "sunmi-main"'
    assert "not_your_product; add `neuro-band` to the account's `products`" in warning.message


def test_a_file_that_does_what_it_says_has_no_warning() -> None:
    assert check_registry(EXAMPLE.encode()).warnings == ()
    assert check_registry(changed('products = ["neuro-band", "emg-arm"]', "max_age_s = 60").encode()).warnings == ()


CHANNEL = """
[[channels]]
id = "c-1"
{more}
"""


@pytest.mark.parametrize(
    ("more", "where", "message"),
    [
        ('address = "env:A"', 'channels "c-1"', "either the `startup` or the `trial`"),
        (
            'startup = "calmwave"\ntrial = "emg-arm-2026q4"\naddress = "env:A"',
            'channels "c-1"',
            "either the `startup` or the `trial`",
        ),
        ('startup = "calmwav"\naddress = "env:A"', 'channels "c-1", startup', "did you mean `calmwave`?"),
        ('trial = "emg"\naddress = "env:A"', 'channels "c-1", trial', "there is no trial `emg`"),
        ('startup = "calmwave"', 'channels "c-1", address', "`address` is missing"),
        ('startup = "calmwave"\naddress = "feishu://t"', 'channels "c-1", address', "must be a reference"),
        (
            'startup = "calmwave"\naddress = "env:A"\ntells = ["digests"]',
            'channels "c-1", tells.0',
            "did you mean `digest`?",
        ),
        (
            'startup = "calmwave"\naddress = "env:A"\ntells = ["digest", "digest"]',
            'channels "c-1", tells.1',
            "twice",
        ),
        ('startup = "calmwave"\naddress = "env:A"\ntells = []', 'channels "c-1", tells', "at least 1 item"),
        (
            'startup = "calmwave"\naddress = "env:A"\nlanguage = "de"',
            'channels "c-1", language',
            "`de` is not possible here",
        ),
    ],
)
def test_a_channel_that_is_wrong_is_named(more: str, where: str, message: str) -> None:
    (problem,) = problems_of(EXAMPLE + CHANNEL.format(more=more))

    assert problem.where == where
    assert message in problem.message


def test_a_channel_holds_no_plain_address_outside_a_demo() -> None:
    channel = CHANNEL.format(more='startup = "calmwave"\naddress = "plain:feishu://hunter2"')
    text = EXAMPLE.replace("demo = true", "demo = false") + channel

    assert problems_of(EXAMPLE + channel) == []
    (problem,) = [p for p in problems_of(text) if p.where.startswith("channels")]
    assert "a plain: secret stands only" in problem.message
    assert "hunter2" not in str(problem)
