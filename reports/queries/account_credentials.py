"""When each of an account's signing secrets and keys was last used: what tells that an older one may go."""

from registry.secret_uses import labelled, use_name
from reports.queries.account_model import CredentialUse, told_or_none
from reports.queries.context import QueryContext


def credential_uses(context: QueryContext, account_id: str) -> list[CredentialUse]:
    """Return the account's secrets, the newest of each flow first, and its keys that are in force; none by its text.

    Where the registry is read without secrets only the keys are known.
    """
    keys = sorted(
        (one for one in context.directory.keys.values() if one.scope == f"account:{account_id}" and not one.revoked_at),
        key=lambda one: one.created_at,
        reverse=True,
    )
    asked = {"keys": [key.id for key in keys], "secrets": use_name(account_id, "", "").removesuffix("/")}
    hours = {str(name): int(hour_ms) for name, hour_ms in context.rows("account_credentials", asked)}
    account = context.directory.accounts.get(account_id)
    secrets = [
        CredentialUse(
            "secret",
            flow,
            str(len(references) - place),
            None,
            told_or_none(hours.get(use_name(account_id, flow, label), 0)),
        )
        for flow, references in (account.secrets.items() if account is not None else ())
        for place, (label, _) in enumerate(labelled(references))
    ]
    return secrets + [
        CredentialUse("key", "", key.id, key.expires_at, told_or_none(hours.get(key.id, 0))) for key in keys
    ]
