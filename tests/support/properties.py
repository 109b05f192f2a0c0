"""How many examples a property is tried with: all in `make test`, a share in `make test-unit`, ten times in `make fuzz`."""

from collections.abc import Sequence

from hypothesis import HealthCheck, settings

FULL = 100
"""Examples of a property that asks for no number of its own, in the full profile; the library's own default."""
QUICK = 15
QUICK_PROFILE = "quick"
"""What `make test-unit` asks for: properties look for a slip at hand there, and search in `make test`."""

SEARCH = 1000
SEARCH_PROFILE = "search"
"""What `make fuzz` asks for."""


def register_profiles() -> None:
    """Make the profiles known, and take the full one unless `--hypothesis-profile` says otherwise.

    How long an example takes says something of the machine, not of the code: there is no deadline.
    """
    settings.register_profile("full", deadline=None, max_examples=FULL)
    settings.register_profile(QUICK_PROFILE, deadline=None, max_examples=QUICK)
    settings.register_profile(SEARCH_PROFILE, deadline=None, max_examples=SEARCH)
    settings.load_profile("full")


def examples(count: int, *, suppress: Sequence[HealthCheck] = ()) -> settings:
    """Return settings of *count* examples in the full profile, and of others' share of them in the quick one and in the search."""
    share = {QUICK_PROFILE: QUICK / FULL, SEARCH_PROFILE: SEARCH / FULL}.get(settings.get_current_profile_name(), 1.0)
    return settings(max_examples=max(1, round(count * share)), suppress_health_check=suppress)
