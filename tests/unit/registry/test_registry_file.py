"""The registry file: read as it was written, and every fault named at once with its line."""

import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.checks import faults_of
from registry.draft import draft_of
from registry.file import RegistryFileError, check_registry, load_registry, read_file
from registry.render import render
from runtime.errors import ConfigurationError
from schemas.registry import FLOWS, MATCH_KEYS, Registry, date_of, epoch_ms
from tests.support.paths import EXAMPLE_REGISTRY
from tests.support.properties import examples

FAULTY = """\
[avenue]
id = "avenue"
name = { zh = "大道", en = "Avenue" }
lenght_m = 200
[[startups]]
id = "Calm Wave"
name = { zh = "静波", en = "CalmWave" }
[[products]]
id = "neuro-band"
startup = "calm-wave"
name = { zh = "头环", en = "Band" }
[[trials]]
id = "t1"
product = "neuro-band"
starts = 2026-10-01T00:00:00
ends = 2027-01-01T00:00:00+08:00
arms = ["pilot",
  "baseline",
  "pilot"]
hypothesis = { zh = "一", en = "one" }
primary_metric = "sucess_rate"
[[accounts]]
id = "dy"
platform = "douyin"
secrets = { webhook = ["plain:hunter2"], wbhook = ["env:DY"] }
[[placements]]
id = "p1"
trial = "t1"
arm = "pilot"
account = "dy"
match = { sn = "N1" }
metre = 217
side = "north"
from = 2026-10-01T00:00:00+08:00
"""

# Line, what it is about, and a piece of the way out.
EXPECTED = [
    (4, "avenue, lenght_m", "did you mean `length_m`?"),
    (6, 'startups "Calm Wave", id', "a–z, 0–9"),
    (10, 'products "neuro-band", startup', "there is no startup `calm-wave`"),
    (15, 'trials "t1", starts', "2026-10-01T00:00:00+08:00"),
    (19, 'trials "t1", arms.2', "twice"),
    (21, 'trials "t1", primary_metric', "did you mean `success_rate`?"),
    (25, 'accounts "dy", secrets.wbhook', "did you mean `webhook`?"),
    (25, 'accounts "dy", secrets.webhook.0', "demo = true"),
    (26, 'placements "p1", until', "is missing"),
    (31, 'placements "p1", match.sn', "known are account_id, client_key, room_id"),
    (32, 'placements "p1", metre', "200 m"),
]


def test_every_fault_of_a_file_is_named_at_once_with_its_line() -> None:
    problems = check_registry(FAULTY.encode()).problems

    assert [(p.line, p.where) for p in problems] == [(line, where) for line, where, _ in EXPECTED]
    for problem, (_, _, hint) in zip(problems, EXPECTED, strict=True):
        assert hint in problem.message


def test_no_problem_repeats_a_secret() -> None:
    text = FAULTY.replace('["env:DY"]', '["hunter3"]').replace('"plain:hunter2"', '"plain:hunter2", "p:hunter4", "x"')

    messages = " ".join(str(problem) for problem in check_registry(text.encode()).problems)

    assert "env:NAME" in messages
    assert "hunter" not in messages


def test_the_example_file_is_sound_and_read_whole() -> None:
    registry = load_registry(EXAMPLE_REGISTRY)

    assert [len(registry.accounts), len(registry.placements)] == [5, 8]
    assert registry.placements[0].from_ == datetime(2026, 10, 1, tzinfo=timezone(timedelta(hours=8)))
    assert registry.accounts[2].message_types == {"580001": "order.paid"}


def test_the_example_file_is_refused_with_a_production_profile() -> None:
    with pytest.raises(RegistryFileError, match="takes no demo file") as caught:
        load_registry(EXAMPLE_REGISTRY, production=True)

    assert [problem.line for problem in caught.value.problems] == [2]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"[avenue]\nid = a\n", 2, "not TOML at column 6"),
        (b"[avenue]\nid = [1,\n", 3, "not TOML at the end of the file"),
        (b"a = 1\nb = \xff\n", 2, "not UTF-8"),
        (b"x = " + b"[" * 20_000, 1, "nested too deeply"),
    ],
    ids=["no quotes", "open list", "not UTF-8", "deep"],
)
def test_broken_syntax_is_one_problem_with_its_place(content: bytes, line: int, message: str) -> None:
    (problem,) = check_registry(content).problems

    assert problem.line == line
    assert message in problem.message


def test_tables_with_one_bracket_are_explained() -> None:
    problems = check_registry(b"startups = 3\n[placements]\nid = 'a'\n").problems

    assert [p.line for p in problems if "two brackets" in p.message] == [1, 2]


def test_a_file_that_is_not_there_is_used_wrongly(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.toml cannot be read"):
        read_file(tmp_path / "nothing.toml")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_registry_or_problems(content: bytes) -> None:
    checked = check_registry(content)

    assert (checked.registry is None) == bool(checked.problems)


_values = st.recursive(
    st.none().map(lambda _: True) | st.integers(-5, 5) | st.text(max_size=5) | st.floats() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@examples(150)
@given(data=st.data())
def test_one_field_of_any_shape_never_ends_in_an_exception(data: st.DataObject) -> None:
    registry = load_registry(EXAMPLE_REGISTRY)
    sort = data.draw(st.sampled_from(["startups", "products", "trials", "accounts", "placements"]))
    tree = tomllib.loads(render(registry))
    entry = data.draw(st.sampled_from(tree[sort]))
    entry[
        data.draw(st.sampled_from([*entry, "hours", "baseline_from", "rota", "arm_days", "match", "place", "products"]))
    ] = data.draw(_values)

    draft, faults = draft_of(tree)
    assert draft.startups
    assert all(fault.message for fault in [*faults, *faults_of(draft, production=True)])


ZONES = [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))]
_times = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.sampled_from(ZONES))  # noqa: DTZ001 - hypothesis adds the zone
_rotas = st.fixed_dictionaries({"seed": st.text(min_size=1, max_size=9), "block": st.sampled_from(["day", "week"])})
_names = st.fixed_dictionaries({"zh": st.text(max_size=8), "en": st.text(max_size=8)})


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """Draw a sound registry: one trial a product, placements of several platforms within it."""
    trials, placements, accounts = [], [], []
    products = [f"product-{n}" for n in range(draw(st.integers(0, 3)))]
    for product in products:
        first, last = sorted(draw(st.lists(_times, min_size=2, max_size=2, unique=True)))
        arms = draw(st.lists(st.sampled_from(["pilot", "baseline", "x"]), min_size=1, unique=True))
        trials.append(
            {
                "id": f"{product}-trial",
                "product": product,
                "starts": first,
                "ends": last,
                "arms": arms,
                "hypothesis": draw(_names),
                "primary_metric": "uptime",
                "guardrails": draw(st.lists(st.sampled_from(["orders", "coverage"]), unique=True)),
                "smallest_effect": draw(st.none() | st.floats(1e-6, 1e6)),
                "baseline_from": draw(st.none() | st.just(first - timedelta(days=3))),
                "rota": draw(st.none() | _rotas) if len(arms) > 1 else None,
            }
        )
        platform = draw(st.sampled_from(sorted(FLOWS)))
        accounts.append(
            {
                "id": f"{product}-account",
                "platform": platform,
                "public_url": "https://gw.example.com",
                "secrets": {flow: [f"env:{flow}"] for flow in draw(st.sets(st.sampled_from(FLOWS[platform])))},
                "max_event_age": draw(st.none() | st.integers(1, 400)),
                "products": draw(st.none() | st.just(products)),
            }
        )
        placements.append(
            {
                "id": f"{product}-placement",
                "trial": f"{product}-trial",
                "arm": arms[0],
                "arm_days": {arms[1]: [date_of(epoch_ms(first))]} if len(arms) > 1 and draw(st.booleans()) else {},
                "account": f"{product}-account",
                "match": {key: draw(st.text(min_size=1, max_size=9)) for key in MATCH_KEYS[platform]},
                "metre": draw(st.floats(0, 200)),
                "side": draw(st.sampled_from(["north", "south"])),
                "zone": draw(st.text(max_size=9)),
                "from": first,
                "until": last,
                "hours": draw(st.none() | st.just({"opens": "08:00", "closes": "24:00"})),
            }
        )
    return Registry.model_validate(
        {
            "demo": draw(st.booleans()),
            "avenue": {"id": "avenue", "name": draw(_names)},
            "startups": [{"id": "s", "name": draw(_names)}],
            "products": [{"id": product, "startup": "s", "name": draw(_names)} for product in products],
            "trials": trials,
            "accounts": accounts,
            "placements": placements,
        }
    )


@examples(40)
@given(registries())
def test_a_registry_comes_back_from_its_file_as_it_was(registry: Registry) -> None:
    checked = check_registry(render(registry).encode())

    assert checked.problems == ()
    assert checked.registry == registry
    assert Registry.model_validate_json(registry.model_dump_json(by_alias=True)) == registry


@examples(40)
@given(data=st.data())
def test_a_fault_put_anywhere_is_found_on_its_line(data: st.DataObject) -> None:
    lines = render(data.draw(registries())).split("\n")
    headers = [number for number, line in enumerate(lines) if line.startswith("[")]
    after = data.draw(st.sampled_from(headers))
    lines.insert(after + 1, "zzz = 1")

    problems = check_registry("\n".join(lines).encode()).problems

    assert [(problem.line, "`zzz` is no field here" in problem.message) for problem in problems] == [(after + 2, True)]
