"""The road as the operator sees it: for keys and sessions of scope operator, and nobody else."""

from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException

from reports.api.documented import READER
from reports.api.routes import AuthenticatedReader
from reports.queries.operator_model import OperatorRoad

OPERATOR = "operator"
PATH = "/v1/ops/road"


@get(PATH, summary="The road", operation_id="operatorRoad", responses=READER)
async def get_operator_road(reader: NamedDependency[AuthenticatedReader]) -> OperatorRoad:
    """Conservation sums, each hop's rate, lag and errors, and every account and product, as `/ops` shows them: for
    scope operator. Looked up at most once every few seconds for all who look; what cannot be asked is told as such.
    """
    if reader.identity.scope != OPERATOR:
        raise PermissionDeniedException("a key of scope operator is needed")
    return await reader.service.operator_look.road(reader.service)
