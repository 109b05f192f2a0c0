"""Forgetting for the command line: a subject's hashes are worked out here, and noted by the server or on the store."""

import msgspec

from avenue.client.store_access import RunningServer, error_detail, store_of
from avenue.serve.forget_routes import PATH
from registry.audit_note import noted_change
from registry.hash_keys import subject_hashes
from runtime.clickhouse import ClickHouseError
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError, PipelineError, first_line
from runtime.settings import Settings
from schemas.event import MAX_SUBJECT_CHARS
from sinks.retention.forget import ForgetRequest, ForgetState, note_forget


def forget_subject(settings: Settings, account_id: str, subject: str) -> ForgetState:
    """Have *subject* of the account forgotten, and return how far that is; to ask again begins nothing anew.

    The subject itself goes nowhere. Raises `ConfigurationError`, and `PipelineError` where a part does not answer.
    """
    if not 0 < len(subject) <= MAX_SUBJECT_CHARS:
        raise ConfigurationError(f"--subject: 1 to {MAX_SUBJECT_CHARS} characters, as the account sends it")
    hashes = subject_hashes(settings, account_id, subject)
    request = ForgetRequest(account_id, hashes.first_step, hashes.by_trial)
    with store_of(settings) as store, noted_change(settings, "forget", subject=account_id):
        if isinstance(store, RunningServer):
            answer = store.post(PATH, msgspec.json.encode(request))
            if answer.status_code != 200:
                raise PipelineError(error_detail(answer))
            return msgspec.json.decode(answer.content, type=ForgetState)
        try:
            return note_forget(store.writer(), request, SystemClock().now_ms())
        except ClickHouseError as error:
            raise PipelineError(f"the store cannot be read or written: {first_line(error)}") from error
