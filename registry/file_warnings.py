"""What of a sound registry is probably not meant: told with its line, and no reason to refuse the file."""

from collections.abc import Iterator

from registry.draft import FileFault, RegistryDraft


def warnings_of(draft: RegistryDraft) -> Iterator[FileFault]:
    """Yield what of *draft*, one without faults, will not do what it seems to."""
    yield from _accounts_may_name_what_they_tell_of(draft)


def _accounts_may_name_what_they_tell_of(draft: RegistryDraft) -> Iterator[FileFault]:
    accounts = {item.entry.id: item.entry for item in draft.accounts}
    products = {item.entry.id: item.entry.product for item in draft.trials}
    for item in draft.placements:
        placement = item.entry
        account = accounts.get(placement.account or "")
        product = products.get(placement.trial)
        if account is None or account.products is None or product is None or product in account.products:
            continue
        yield FileFault(
            (*item.path, "account"),
            f"account `{account.id}` may not name product `{product}` of trial `{placement.trial}`: what it pushes of "
            f"this placement becomes a reject, not_your_product; add `{product}` to the account's `products`, or leave "
            "`products` out",
        )
