"""What the OpenAPI document says of pushing: bodies, parameters, answers, and who may."""

from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from producers.gateway.idempotency import MAX_IDEMPOTENCY_KEY_CHARS
from producers.gateway.responses import PushAnswer
from producers.parsing.body import NDJSON_TYPES
from runtime.problems import PROBLEM_JSON, Problem

EVENTS = "Events"
"""The document's name of a batch: an array of events, an object that holds one, or one event."""
NATIVE_POST, NATIVE_GET = "pushNative", "pushNativeByAddress"
KEY, SIGNATURE = "key", "signature"
"""The document's names of the ways to say who pushes."""

_TEXT = Schema(type=OpenAPIType.STRING)
_SAID = {
    "events": (
        'A JSON array of events, `{"events": […]}`, one event, or NDJSON; with `Content-Encoding: gzip` or `zstd` '
        "if you like. At most 10,000 events and 8 MiB unpacked, unless the operator set other bounds."
    ),
    "ndjson": "One event a line; blank lines are skipped and not counted.",
    "account": "Whose signature it is; only with Standard Webhooks headers.",
    "results": "`all` lists every event's verdict, else only what was not accepted is listed.",
    "idempotency": "For 10 minutes the same key and body get the first answer again; another body is a 409.",
    "verdicts": "Every event has its verdict; what is accepted is stored on all in-sync replicas.",
    "native": "As the platform sends it: its own format, signed in its own way.",
    "answer": "The platform's own positive answer; also to a handshake, and to what is kept as a reject.",
    "negative": "The platform's own negative answer: the push could not be stored in time, and is to be sent again.",
}


@dataclass
class PushOperation(Operation):
    """The batch push. The framework hands its handler the bytes, and so knows nothing of what is in them."""

    def __post_init__(self) -> None:
        """Say what the gateway takes."""
        batch = OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{EVENTS}"))
        lines = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description=_SAID["ndjson"]))
        content = {"application/json": batch, **dict.fromkeys(sorted(NDJSON_TYPES), lines)}
        self.request_body = RequestBody(content=content, description=_SAID["events"], required=True)
        key = Schema(type=OpenAPIType.STRING, max_length=MAX_IDEMPOTENCY_KEY_CHARS)
        answer = OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{PushAnswer.__name__}"))
        answered = OpenAPIResponse(description=_SAID["verdicts"], content={"application/json": answer})
        self.responses = {**(self.responses or {}), "200": answered}
        self.parameters = [
            Parameter(name="account", param_in="query", schema=_TEXT, description=_SAID["account"]),
            Parameter(
                name="results",
                param_in="query",
                schema=Schema(type=OpenAPIType.STRING, enum=["all"]),
                description=_SAID["results"],
            ),
            Parameter(name="Idempotency-Key", param_in="header", schema=key, description=_SAID["idempotency"]),
        ]


@dataclass
class NativeOperation(Operation):
    """A platform's own push. Bodies and answers are the platform's, and differ by account and flow."""

    def __post_init__(self) -> None:
        """Say so."""
        any_body = OpenAPIMediaType(schema=Schema())
        if self.operation_id == NATIVE_POST:
            self.request_body = RequestBody(content={"*/*": any_body}, description=_SAID["native"], required=False)
        answers = self.responses = dict(self.responses or {})
        own = {"application/json": any_body, "text/plain": OpenAPIMediaType(schema=_TEXT)}
        problem = OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{Problem.__name__}"))
        answers["200"] = OpenAPIResponse(description=_SAID["answer"], content=own)
        for status in ("500", "503"):
            answers[status] = OpenAPIResponse(description=_SAID["negative"], content={**own, PROBLEM_JSON: problem})
