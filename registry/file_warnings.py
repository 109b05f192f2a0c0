"""What of a sound registry is probably not meant: told with its line, and no reason to refuse the file."""

from collections.abc import Iterator

from registry.draft import FileFault, RegistryDraft
from registry.rota import draw_rota, rota_differences, rota_places


def warnings_of(draft: RegistryDraft) -> Iterator[FileFault]:
    """Yield what of *draft*, one without faults, will not do what it seems to."""
    yield from _accounts_may_name_what_they_tell_of(draft)
    yield from _placements_are_as_drawn(draft)


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


def _placements_are_as_drawn(draft: RegistryDraft) -> Iterator[FileFault]:
    registry = draft.registry()
    paths = {item.entry.id: item.path for item in draft.placements}
    for trial in registry.trials:
        if trial.rota is None:
            continue
        drawn = draw_rota(trial, rota_places(registry, trial))
        for found in rota_differences(registry, trial, drawn):
            yield FileFault(
                (*paths[found.placement_id], "arm"),
                f"on {len(found.days)} days, the first {found.days[0]}, in another arm than the rota of trial "
                f"`{trial.id}` has drawn for place `{found.place}`; "
                f"`avenue trial rota {trial.id} --write FILE` puts it right",
            )
