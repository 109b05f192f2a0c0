"""A reader sees its own and nothing else, whatever the registry holds."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from registry.directory import Directory
from reports.scope import Reader, product_seen, products_seen, reader_of_key, trial_seen, trials_seen
from schemas.registry import AccessKey, Registry

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NAME = {"zh": "名", "en": "name"}
STARTUPS = ("one", "two", "three")


def key(scope: str) -> AccessKey:
    return AccessKey(id="k", scope=scope, sha256="0" * 64, prefix="p", created_at=NOW)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """A registry whose products belong to startups at random, with two trials of each."""
    owners = draw(st.lists(st.sampled_from(STARTUPS), max_size=8))
    trial = {
        "starts": NOW,
        "ends": datetime(2026, 12, 20, tzinfo=UTC),
        "arms": ["pilot"],
        "hypothesis": NAME,
        "primary_metric": "events",
    }
    return Directory(
        registry=Registry.model_validate(
            {
                "avenue": {"id": "street", "name": NAME},
                "startups": [{"id": s, "name": NAME} for s in STARTUPS],
                "products": [{"id": f"product-{n}", "startup": owner, "name": NAME} for n, owner in enumerate(owners)],
                "trials": [
                    {"id": f"trial-{n}{again}", "product": f"product-{n}", **trial}
                    for n in range(len(owners))
                    for again in ("", "-again")
                ],
            }
        )
    )


@given(directories(), st.sampled_from(STARTUPS))
def test_a_startup_never_sees_anothers(directory: Directory, startup: str) -> None:
    reader = reader_of_key(key(f"startup:{startup}"))
    assert reader is not None

    seen = {p.id for p in products_seen(reader, directory)}

    assert seen == {p.id for p in directory.products.values() if p.startup == startup}
    assert {t.product for t in trials_seen(reader, directory)} == seen
    for trial in directory.trials.values():
        assert (trial_seen(reader, directory, trial.id) is not None) == (trial.product in seen)


@given(directories(), st.sampled_from(["operator", "programme"]))
def test_the_programme_and_operators_see_every_one(directory: Directory, scope: str) -> None:
    reader = reader_of_key(key(scope))
    assert reader is not None

    assert len(trials_seen(reader, directory)) == len(directory.trials)


@given(directories(), st.sampled_from([None, *STARTUPS]), st.integers(0, 20))
def test_a_share_link_shows_its_own_trial_and_no_other_of_its_product_or_startup(
    directory: Directory, startup: str | None, number: int
) -> None:
    trials = sorted(directory.trials)
    own = trials[number % len(trials)] if trials else "gone"
    visitor = Reader("s-1", "share", startup, trial_id=own)

    may = own in directory.trials and startup in {None, directory.products[directory.trials[own].product].startup}
    expected = [own] if may else []
    assert [trial for trial in trials if trial_seen(visitor, directory, trial) is not None] == expected
    assert [trial.id for trial in trials_seen(visitor, directory)] == expected
    assert [product.id for product in products_seen(visitor, directory)] == [
        directory.trials[trial].product for trial in expected
    ]


@given(directories(), st.text(max_size=20))
def test_what_does_not_exist_is_seen_by_nobody(directory: Directory, name: str) -> None:
    reader = reader_of_key(key("operator"))
    assert reader is not None

    if name not in directory.trials:
        assert trial_seen(reader, directory, name) is None
    if name not in directory.products:
        assert product_seen(reader, directory, name) is None


def test_a_key_for_sending_makes_no_reader() -> None:
    assert reader_of_key(key("account:one")) is None
