"""What the door answers: verdicts, and problems in the form of RFC 9457."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from schemas.outcomes import RejectReason, help_link

PROBLEM_TYPE = "application/problem+json"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, body, headers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event, as the sender reads it."""

    index: int
    event_id: str
    verdict: str
    reason: str = ""
    field: str = ""
    message: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one request, every event of it."""

    delivery_id: str
    verdicts: Sequence[Verdict]

    @property
    def accepted(self) -> int:
        """Events now in Kafka on all in-sync replicas."""
        return sum(1 for verdict in self.verdicts if verdict.verdict == "accepted")

    @property
    def duplicate(self) -> int:
        """Events accepted before."""
        return sum(1 for verdict in self.verdicts if verdict.verdict == "duplicate")

    @property
    def rejected(self) -> int:
        """Events kept as rejects."""
        return sum(1 for verdict in self.verdicts if verdict.verdict == "rejected")

    def reasons(self) -> dict[str, int]:
        """Return the rejects by reason."""
        return dict(Counter(verdict.reason for verdict in self.verdicts if verdict.reason))

    def answer(self, *, every: bool) -> HttpAnswer:
        """Return the 200 with the verdict of every event, or of those not accepted."""
        body = {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "delivery_id": self.delivery_id,
            "results": [v for v in self.verdicts if every or v.verdict != "accepted"],
        }
        return HttpAnswer(200, _encode(body))


def rejected(index: int, event_id: str, reason: RejectReason, field: str, message: str) -> Verdict:
    """Return the verdict of a kept reject."""
    return Verdict(index, event_id, "rejected", reason.value, field, message, help_link(reason))


def problem(status: int, detail: str, *, retry_after_s: float | None = None, **extra: Any) -> HttpAnswer:
    """Return a problem: *detail* says what is wrong and the way out."""
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    return HttpAnswer(status, _encode(body), PROBLEM_TYPE, headers)
