"""Which platforms of a trial tell of paid orders and never of one that was given back.

Their refund rate is unknown, which is not 0: readers say so.
"""

from collections.abc import Mapping

from registry.directory import Directory
from schemas.registry import Account

ORDERS: Mapping[str, frozenset[str]] = {
    "douyin": frozenset({"webhook", "life-spi"}),
    "meituan": frozenset({"waimai"}),
    "sunmi": frozenset({"receipt"}),
}
"""The flows whose messages become `order.paid`, by platform; a test holds them to the adapters."""
REFUNDS: Mapping[str, frozenset[str]] = {
    "douyin": frozenset({"webhook"}),
    "meituan": frozenset({"waimai"}),
    "sunmi": frozenset({"receipt"}),
}
"""Those whose messages become `order.refunded`."""
AGREED = "service"
"""Of this flow the account's `message_types` say what its messages become."""


def tells_no_refunds(account: Account) -> bool:
    """Tell whether *account* pushes orders natively, and no message of its own that gives one back."""
    return _brings(account, ORDERS, "order.paid") and not _brings(account, REFUNDS, "order.refunded")


def platforms_without_refunds(directory: Directory, trial_id: str) -> tuple[str, ...]:
    """Return the platforms among the trial's placements whose refunds are not reported, by name."""
    accounts = {placed.account_id for placed in directory.placed.values() if placed.trial_id == trial_id}
    found = (directory.accounts[account] for account in accounts if account in directory.accounts)
    return tuple(sorted({account.platform for account in found if tells_no_refunds(account)}))


def _brings(account: Account, flows: Mapping[str, frozenset[str]], kind: str) -> bool:
    agreed = AGREED in account.secrets and kind in account.message_types.values()
    return agreed or bool(flows.get(account.platform, frozenset()) & account.secrets.keys())
