"""Notes on `audit.v1` what a command changes: before it is changed, and again when it was."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.audit_chain import AuditChain
from registry.epochs import create_missing_topics
from registry.log import CompactedLog
from runtime.clock import Clock, SystemClock
from runtime.errors import PipelineError
from runtime.logging import get_logger
from runtime.settings import Settings
from schemas.audit import BEGUN, COMMAND_METHOD, COMMAND_SCOPE, DONE, FAILED, AuditLine
from schemas.topics import Topic

log = get_logger(__name__)


@dataclass(slots=True)
class NotedChange:
    """A change under way; what is set here stands in the line that says it is done."""

    subject: str = ""


@contextmanager
def noted_change(
    settings: Settings, words: str, *, subject: str = "", prefix: str = "", clock: Clock | None = None
) -> Iterator[NotedChange]:
    """Note that the command of these *words* is about to change something, let it, and note how that ended.

    Nothing is changed where the first line is not taken: raises `UnavailableError` then. Where only the last is not,
    the change stands, and its chain is one that did not end. Without a key of ours, who it was is the Kafka user by
    whose rights it was done.
    """
    clock = clock or SystemClock()
    create_missing_topics(settings, {Topic.AUDIT}, prefix=prefix)
    change, process, chain = NotedChange(subject), secrets.token_hex(6), AuditChain()

    with CompactedLog(settings.kafka, prefix + Topic.AUDIT) as topic:

        def note(number: int, status: int) -> None:
            line = AuditLine(
                at_ms=clock.now_ms(),
                process=process,
                number=number,
                key=settings.kafka.sasl_username or "",
                scope=COMMAND_SCOPE,
                method=COMMAND_METHOD,
                route=words,
                subject=change.subject,
                status=status,
                ends=number > 1,
            )
            key = f"{process}:{number}"
            chain.confirm(number, topic.write({key: chain.seal(line)})[key])

        note(1, BEGUN)
        status = FAILED
        try:
            yield change
            status = DONE
        finally:
            try:
                note(2, status)
            except PipelineError as error:
                log.warning("the audit says that this was begun, and not how it ended", cause=str(error))
