"""Every leaf and every name of a platform's message, replaced in turn by raw JSON or text, and signed anew."""

import json
from collections.abc import Iterator
from typing import Any

from producers.adapters.base import MappedMessage, VerifiedPush
from schemas.registry import Account, Placement, Registry
from tests.contract import test_adapters
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS, Sent, make_push
from tests.support.factories import REGISTRY

MARK = "@@here@@"
# The parameter that holds JSON text, by flow.
INNER = {"receipt": "payload", "service": "message"}
CONTRACTS: list[AdapterContract] = [
    sort() for name, sort in sorted(vars(test_adapters).items()) if name.startswith("Test") and isinstance(sort, type)
]


def account_of(contract: AdapterContract) -> Account:
    """Return the account whose address and secrets *contract* signs for."""
    fields = {"id": "acct", "platform": contract.platform, "public_url": "https://gw.example.com"}
    return Account.model_validate({**fields, **contract.account_fields})


def registry_of(contract: AdapterContract) -> Registry:
    """Return a registry in which the contract's own message has its place."""
    account = account_of(contract)
    result = contract.adapter().adapt(contract.push(contract.sent(contract.content(), contract.signing[0])))
    assert isinstance(result, VerifiedPush)
    (message,) = result.messages
    keys = dict(message.match[0]) if isinstance(message, MappedMessage) and message.match else {"sn": "none"}
    spot: Placement = REGISTRY.placements[0].model_copy(update={"id": "spot", "account": "acct", "match": keys})
    return REGISTRY.model_copy(update={"accounts": [account], "placements": [spot]})


def whole(contract: AdapterContract) -> Sent:
    """Return the message as it is."""
    return contract.sent(contract.content(), contract.signing[0])


def changed(contract: AdapterContract, raw: bytes) -> Iterator[Sent]:
    """Yield the message with each leaf in turn replaced by *raw*, a JSON value; in forms by its text."""
    content = contract.content()
    if contract.flow.startswith("waimai") or contract.flow in INNER:
        inner = content.get(INNER.get(contract.flow, ""))
        for name, value in content.items():
            if isinstance(value, str) and name != "timestamp":
                yield contract.sent({**content, name: _as_text(raw)}, contract.signing[0])
        for spelt in _with_marks(inner, raw) if inner is not None else ():
            yield contract.sent_raw(spelt, contract.signing[0])
        return
    for spelt in _with_marks(content, raw):
        yield contract.sent_raw(contract.envelope % spelt, contract.signing[0])


def pushed(contract: AdapterContract, sent: Sent) -> tuple[str, str, bytes, dict[str, str]]:
    """Return method, address, body and headers of *sent*."""
    push = make_push(sent, account_of(contract), contract.flow, contract.secrets(), NOW_MS)
    query = f"?{sent.query.decode('latin-1')}" if sent.query else ""
    return sent.method, push.path + query, sent.body, dict(sent.headers)


def _as_text(raw: bytes) -> str:
    try:
        value: Any = json.loads(raw, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
    text = value if isinstance(value, str) else raw.decode()
    return text.encode("utf-8", "replace").decode()


def _with_marks(tree: Any, raw: bytes) -> Iterator[bytes]:
    """Yield *tree* as JSON with each leaf replaced by *raw*; then with each name, where *raw* is a text."""
    for path in [*_paths(tree)]:
        yield json.dumps(_replaced(tree, path, MARK)).encode().replace(b'"%b"' % MARK.encode(), raw)
        if raw.startswith(b'"'):
            yield json.dumps(_renamed(tree, path, MARK)).encode().replace(b'"%b"' % MARK.encode(), raw)


def _paths(tree: Any) -> Iterator[tuple[str | int, ...]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in pairs:
        yield (name,)
        yield from ((name, *rest) for rest in _paths(value))


def _replaced(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    name, rest = path[0], path[1:]
    inner = _replaced(tree[name], rest, value) if rest else value
    if isinstance(tree, list):
        return [inner if place == name else item for place, item in enumerate(tree)]
    return {**tree, name: inner}


def _renamed(tree: Any, path: tuple[str | int, ...], to: str) -> Any:
    name, rest = path[0], path[1:]
    if rest:
        return _replaced(tree, (name,), _renamed(tree[name], rest, to))
    return tree if isinstance(tree, list) else {(to if key == name else key): value for key, value in tree.items()}
