"""Each guard of the counting protocol, taken out: the model finds a run where a reader is shown what is not so.

The same run is right with the guard in place.
"""

import asyncio
from collections.abc import Iterator

import pytest
import structlog

from tests.road_model.guards import GUARDS, ProtocolGuard
from tests.road_model.road import drive

FIRST_SEED = 1000
BUDGET = 1500
"""Runs to find it in; about six times what the best hidden one takes."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


async def drive_for(guard: ProtocolGuard, seed: int) -> tuple[str, int]:
    """Run the road of *seed* in the circumstances that *guard* is for."""
    return await drive(
        seed,
        commits_run_ahead=guard.commits_run_ahead,
        careless=guard.careless,
        consenting=guard.consenting,
        selling=guard.selling,
    )


async def first_wrong(guard: ProtocolGuard) -> int | None:
    """Return the seed of the first run that goes wrong without *guard* and is right with it.

    A commit that runs ahead of what was confirmed can cost a last row whatever stands in its way (ADR 10).
    """
    for seed in range(FIRST_SEED, FIRST_SEED + BUDGET):
        with guard.taken_out():
            wrong, _ = await drive_for(guard, seed)
        if wrong and not (await drive_for(guard, seed))[0]:
            return seed
    return None


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_without_this_guard_a_reader_is_shown_what_is_not_so(guard: ProtocolGuard) -> None:
    assert asyncio.run(first_wrong(guard)) is not None
