"""The OpenAPI document of everything that a process answers, made of the routes that it serves."""

from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

import msgspec
from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme

from producers.gateway.documented import EVENTS, KEY, SIGNATURE
from producers.gateway.responses import PushAnswer
from reports.api.app import SESSION
from reports.api.auth import SESSION_COOKIE
from reports.api.shapes import LiveJson
from runtime.problems import Problem
from schemas.export import documents

PATH = "/openapi.json"
MEDIA_TYPE = "application/vnd.oai.openapi+json"
_REF = "#/components/schemas/{name}"
_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"schema": _TEXT, "description": "How to say who asks."}},
    "429": {"Retry-After": {"schema": {"type": "integer"}, "required": True, "description": "Seconds to wait."}},
    "503": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
}
_SECURITY: dict[str, SecurityScheme | Reference] = {
    KEY: SecurityScheme(type="http", scheme="bearer", description="an access key, of the scope that the path asks for"),
    SESSION: SecurityScheme(
        type="apiKey", name=SESSION_COOKIE, security_scheme_in="cookie", description="a signed-in browser's"
    ),
    SIGNATURE: SecurityScheme(
        type="apiKey",
        name="webhook-signature",
        security_scheme_in="header",
        description="Standard Webhooks, with webhook-id and webhook-timestamp beside it, over the bytes on the wire",
    ),
}


def openapi_route(routes: Iterable[Any]) -> HTTPRouteHandler:
    """Return the handler that gives the document of *routes*.

    It is made when it is first asked for, in a thread: it takes some 0.4 s, which neither a start nor a push waits for.
    """
    described = tuple(routes)

    @cache
    def content() -> bytes:
        return msgspec.json.encode(openapi_document(described))

    @get(PATH, include_in_schema=False, sync_to_thread=True)
    def openapi() -> Response[bytes]:
        """Give the OpenAPI document of everything this process serves."""
        return Response(content(), media_type=MEDIA_TYPE)

    return openapi


def openapi_document(routes: Iterable[Any]) -> dict[str, Any]:
    """Return the document of *routes*: paths and parameters as the framework reads them off the handlers, shapes as
    the structs say them.
    """
    config = OpenAPIConfig(
        title="Avenue",
        version="1",
        description="Pilot usage of products on the Brain-Inspired Avenue: events in, numbers out.",
        components=Components(security_schemes=_SECURITY),
    )
    # Never served: it reads the handlers, and nothing else.
    described = Litestar(route_handlers=list(routes), openapi_config=config, logging_config=None)
    document: dict[str, Any] = _any_of(described.openapi_schema.to_schema())
    document["components"]["schemas"] |= _shapes(described)
    for path in document["paths"].values():
        for operation in path.values():
            _tidy(operation)
    used = {
        name for path in document["paths"].values() for o in path.values() for s in o.get("security", []) for name in s
    }
    document["components"]["securitySchemes"] = {
        name: scheme for name, scheme in document["components"]["securitySchemes"].items() if name in used
    }
    return document


def _any_of(node: Any) -> Any:
    """Return *node* with its unions as they are meant: the framework says that exactly one alternative may hold, and a
    whole number is both an integer and a number.
    """
    if isinstance(node, dict):
        return {"anyOf" if key == "oneOf" else key: _any_of(value) for key, value in node.items()}
    return [_any_of(item) for item in node] if isinstance(node, list) else node


def _tidy(operation: dict[str, Any]) -> None:
    """Say of parameters that they may be left out, not that they may be null; add the headers that go with an error."""
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])
    if "application/json" in operation["responses"].get("400", {}).get("content", {}):
        # The framework's guess, in a shape that nothing here has.
        del operation["responses"]["400"]
    for status, headers in _HEADERS.items():
        if status in operation["responses"]:
            operation["responses"][status]["headers"] = headers


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    alternatives = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if not alternatives:
        return schema
    kept = {key: value for key, value in schema.items() if key != "anyOf"}
    return (alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}) | kept


def _shapes(described: Litestar) -> dict[str, Any]:
    """Return the schemas of what handlers give and take, as those say them that write and read it."""
    given = [
        handler.parsed_fn_signature.return_type.annotation
        for route in described.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.resolve_include_in_schema()
    ]
    structs = [kind for one in given for kind in (get_args(one) or (one,)) if _is_struct(kind)]
    _, shapes = msgspec.json.schema_components([*structs, LiveJson, Problem, PushAnswer], ref_template=_REF)
    for shape in shapes.values():
        for field in shape.get("properties", {}).values():
            if field.get("default") == "":
                # A text that is absent is left out, not empty.
                del field["default"]
    # The published one, which stands alone.
    return shapes | {"Event": documents()["event.v1.schema.json"], EVENTS: _forms({"$ref": _REF.format(name="Event")})}


def _forms(event: dict[str, Any]) -> dict[str, Any]:
    many = {"type": "array", "items": event}
    return {"anyOf": [many, {"type": "object", "required": ["events"], "properties": {"events": many}}, event]}


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
