"""How many examples a property is tried with: all of them in `make test`, a share in `make test-unit`."""

from collections.abc import Sequence

from hypothesis import HealthCheck, settings

FULL = 100
"""Examples of a property that asks for no number of its own, in the full profile; the library's own default."""
QUICK = 15
QUICK_PROFILE = "quick"
"""What `make test-unit` asks for: properties look for a slip at hand there, and search in `make test`."""


def register_profiles() -> None:
    """Make both profiles known, and take the full one unless `--hypothesis-profile` says otherwise.

    How long an example takes says something of the machine, not of the code: there is no deadline.
    """
    settings.register_profile("full", deadline=None, max_examples=FULL)
    settings.register_profile(QUICK_PROFILE, deadline=None, max_examples=QUICK)
    settings.load_profile("full")


def examples(count: int, *, suppress: Sequence[HealthCheck] = ()) -> settings:
    """Return settings of *count* examples in the full profile and of the same share as others' in the quick one."""
    share = QUICK / FULL if settings.get_current_profile_name() == QUICK_PROFILE else 1.0
    return settings(max_examples=max(1, round(count * share)), suppress_health_check=suppress)
