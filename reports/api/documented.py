"""What the OpenAPI document says of the answers that are no JSON: their forms, by media type, and their headers."""

from dataclasses import dataclass
from typing import ClassVar

from litestar.openapi.spec import OpenAPIHeader, OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType

from reports.api.shapes import LiveJson
from runtime.problems import problem_responses

TEXT = Schema(type=OpenAPIType.STRING)
BYTES = Schema()
TREE = Schema(type=OpenAPIType.OBJECT)

READER = problem_responses(401, 403)
"""Of what asks who reads, and no store."""
STORE = problem_responses(401, 403, 503)
TRIAL = problem_responses(401, 403, 404)
TRIAL_STORE = problem_responses(401, 403, 404, 410, 503)
TRIAL_QUESTION = problem_responses(400, 401, 403, 404, 410, 503)
CHANNEL_TEST = problem_responses(401, 403, 404, 429, 503)
EXPORT = problem_responses(400, 401, 403, 404, 406, 410, 503)


@dataclass
class _FormsOperation(Operation):
    """An operation whose 200 comes in several forms."""

    DESCRIPTION: ClassVar[str] = ""
    FORMS: ClassVar[dict[str, Schema]] = {}
    HEADERS: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        """Say the forms instead of the one media type that the framework knows of."""
        answered = OpenAPIResponse(
            description=self.DESCRIPTION,
            content={media: OpenAPIMediaType(schema=schema) for media, schema in self.FORMS.items()},
            headers={
                name: OpenAPIHeader(schema=TEXT, description=description, required=True)
                for name, description in self.HEADERS.items()
            },
        )
        self.responses = {**(self.responses or {}), "200": answered}


class EventsOperation(_FormsOperation):
    """The export of events."""

    DESCRIPTION: ClassVar[str] = "The events, in the form asked for; the connection breaks off where the export does."
    FORMS: ClassVar[dict[str, Schema]] = {
        "text/csv": TEXT,
        "application/x-ndjson": TEXT,
        "application/vnd.apache.parquet": BYTES,
    }
    HEADERS: ClassVar[dict[str, str]] = {
        "content-disposition": "The file's name.",
        "x-avenue-freshness": "How fresh the export is: the JSON that other answers have as `freshness`.",
    }


class ReportOperation(_FormsOperation):
    """The trial report."""

    DESCRIPTION: ClassVar[str] = "The report, in the form asked for."
    FORMS: ClassVar[dict[str, Schema]] = {
        "text/html": TEXT,
        "application/pdf": BYTES,
        "application/json": TREE,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": BYTES,
    }
    HEADERS: ClassVar[dict[str, str]] = {"content-disposition": "The file's name."}


class ExtractOperation(_FormsOperation):
    """What a frozen report stands on."""

    DESCRIPTION: ClassVar[str] = "The extract of events, as the frozen report names it by its SHA-256."
    FORMS: ClassVar[dict[str, Schema]] = {"application/vnd.apache.parquet": BYTES}
    HEADERS: ClassVar[dict[str, str]] = {"content-disposition": "The file's name."}


def _stream_of(name: str, description: str) -> dict[str, Schema]:
    # Of each event: OpenAPI has no word yet for a stream of them.
    event = Schema(type=OpenAPIType.STRING, enum=[name])
    data = Schema(type=OpenAPIType.STRING, content_media_type="application/json", description=description)
    whole = Schema(type=OpenAPIType.OBJECT, required=["event", "data"], properties={"event": event, "data": data})
    return {"text/event-stream": whole}


class CallsLiveOperation(_FormsOperation):
    """The stream of an account's calls."""

    DESCRIPTION: ClassVar[str] = "Events named `calls`, until the client leaves or its key ends."
    FORMS: ClassVar[dict[str, Schema]] = _stream_of(
        "calls", "the newest calls, as `/v1/account/calls` gives them, as JSON"
    )


class LiveOperation(_FormsOperation):
    """The stream of counts."""

    DESCRIPTION: ClassVar[str] = "Events named `counts`, until the client leaves or its key ends."
    FORMS: ClassVar[dict[str, Schema]] = _stream_of("counts", f"{LiveJson.__name__} as JSON")
