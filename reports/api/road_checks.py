"""How far a test event has come, for the API and the page alike: by the look-up that tells of any delivery."""

from collections.abc import Mapping
from functools import partial

from reports.access.road_checks import NobodyChecksError, RoadLook
from reports.queries.account_model import HopName
from reports.queries.delivery_way import delivery_hops
from reports.service import ReadService
from schemas.road_check import RoadAnswer


async def check_road(service: ReadService, account_id: str) -> RoadAnswer:
    """Send a test event of the account. Raises `NobodyChecksError`, `RoadCheckRefusedError`."""
    if service.road is None:
        raise NobodyChecksError
    return await service.road.check(account_id, road_look(service))


def road_look(service: ReadService) -> RoadLook:
    """Return what looks into the store of *service*."""

    async def look(account_id: str, delivery_id: str) -> Mapping[HopName, int | None]:
        hops = await service.run_query(partial(delivery_hops, account_id=account_id, delivery_id=delivery_id))
        return {hop.hop: hop.after_ms for hop in hops or ()}

    return look
