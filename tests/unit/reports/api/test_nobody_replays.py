"""A read side that runs apart from the gateway replays nothing, and says who can."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from reports.access.replays import AccountReplays, NobodyReplaysError
from reports.api.account_routes import replay_rejects
from reports.api.problems import HANDLERS


async def test_without_a_gateway_nothing_is_read_and_the_operator_s_command_is_named() -> None:
    alone: Any = SimpleNamespace(replayer=None)

    with pytest.raises(NobodyReplaysError) as raised:
        await replay_rejects(alone, cast("Any", None), AccountReplays(), cast("Any", None))
    answer = cast("Any", HANDLERS[NobodyReplaysError])(cast("Any", None), raised.value)

    assert answer.status_code == 503
    assert "`avenue rejects replay --account`" in answer.content.detail
    assert "nothing was replayed" in answer.content.detail
