"""What pushes are answered: verdicts, and problems in the form of RFC 9457."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Annotated, Literal

import msgspec

from producers.adapters.base import PlatformAnswer
from runtime.problems import PROBLEM_JSON, Problem, phrase
from schemas.outcomes import RejectReason, help_link

_encode = msgspec.json.Encoder().encode


DELIVERY_HEADER = "Avenue-Delivery-Id"
_REASONS = msgspec.Meta(extra_json_schema={"enum": [reason.value for reason in RejectReason]})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, body, headers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    counts_as: int = 0
    """The status under which it is counted, where a platform's own words need another one; 0: its own."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event, as the sender reads it."""

    index: int
    event_id: str
    verdict: Literal["accepted", "duplicate", "rejected"]
    reason: Annotated[str, _REASONS] = ""
    field: str = ""
    message: str = ""
    help: str = ""


class PushAnswer(msgspec.Struct, frozen=True):
    """The 200 of a batch push: every event's verdict is in the counts; `results` lists them, as asked for."""

    accepted: int
    duplicate: int
    rejected: int
    delivery_id: str
    results: list[Verdict]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request, every event of it."""

    delivery_id: str
    accepted_ids: Mapping[int, str]
    """Events now in Kafka on all in-sync replicas, by index."""
    others: Sequence[Verdict]
    """Those accepted before, and those kept as rejects; by index."""

    @property
    def received(self) -> int:
        """How many events it had."""
        return len(self.accepted_ids) + len(self.others)

    def counts(self) -> dict[str, int]:
        """Return the events by verdict, all three named."""
        duplicate = sum(1 for verdict in self.others if verdict.verdict == "duplicate")
        return {
            "accepted": len(self.accepted_ids),
            "duplicate": duplicate,
            "rejected": len(self.others) - duplicate,
        }

    def reasons(self) -> dict[str, int]:
        """Return the rejects by reason."""
        return dict(Counter(verdict.reason for verdict in self.others if verdict.reason))

    def answer(self, *, every: bool) -> HttpAnswer:
        """Return the 200 with the verdict of every event, or of those not accepted."""
        results = list(self.others)
        if every:
            results += [Verdict(index, event_id, "accepted") for index, event_id in self.accepted_ids.items()]
            results.sort(key=lambda verdict: verdict.index)
        body = _encode(PushAnswer(**self.counts(), delivery_id=self.delivery_id, results=results))
        return HttpAnswer(200, body, headers=delivery_header(self.delivery_id))


def delivery_header(delivery_id: str) -> dict[str, str]:
    """Return the header that leads to a delivery's way, beside a body that is the platform's own."""
    return {DELIVERY_HEADER: delivery_id}


def rejected(index: int, event_id: str, reason: RejectReason, field: str, message: str) -> Verdict:
    """Return the verdict of a kept reject."""
    return Verdict(index, event_id, "rejected", reason.value, field, message, help_link(reason))


def retry_after(wait_s: float) -> dict[str, str]:
    """Return the header that says when to come again: whole seconds, one at least."""
    return {"Retry-After": str(max(1, ceil(wait_s)))}


def platform_answer(answer: PlatformAnswer, *, counts_as: int = 0) -> HttpAnswer:
    """Return a platform's own *answer*, counted as another status where its words need one."""
    return HttpAnswer(answer.status, answer.body, answer.content_type, counts_as=counts_as)


def over_limit(negative: HttpAnswer, wait_s: float) -> HttpAnswer:
    """Return a platform's *negative* answer as a 429, so that it waits; as a 200 where it reads the body only."""
    status = 200 if negative.status == 200 else 429
    return HttpAnswer(status, negative.body, negative.content_type, retry_after(wait_s), counts_as=429)


def problem(
    status: int, detail: str, *, retry_after_s: float | None = None, stored: str | msgspec.UnsetType = msgspec.UNSET
) -> HttpAnswer:
    """Return a problem: *detail* says what is wrong and the way out."""
    headers = {} if retry_after_s is None else retry_after(retry_after_s)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = Problem(title=phrase(status), status=status, detail=detail, stored=stored)
    return HttpAnswer(status, _encode(body), PROBLEM_JSON, headers)
