"""Resolves the registry's references to partners' secrets: `env:NAME`, `file:PATH`, `plain:…`."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.channel_address import address_fault
from registry.webhook_secret import parse_webhook_secret
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from runtime.logging import get_logger
from schemas.registry import Account, NotificationChannel, Registry

log = get_logger(__name__)

# A file is looked at again after this; the promise is 5 s.
FILE_AGE_MS = 2_000
SECRETS = "gateway-secrets"
"""The dependency, in a gateway's readiness, that says which secrets are missing, or spell no key."""
# Batch pushes of every account, and these platforms' own flows, are signed by Standard Webhooks.
_WEBHOOKS = frozenset({("aihuishou", "webhook"), ("bilibili", "live")})
# A PEM key is below 4 KiB; a reference to something else must not be read whole.
MAX_SECRET_BYTES = 65_536


@dataclass(slots=True)
class _CachedFile:
    value: bytes | None
    checked_ms: int
    stamp: tuple[int, int, int] | None
    problem: str | None


class SecretResolver:
    """Resolves references at each use. Values are never logged and never part of a message.

    *environ* is read once, when this is made. A `file:` is looked at again every 2 s; where it vanishes, its last value
    stays and `problem` says so. An empty value is no secret: anybody could sign with it.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock | None = None) -> None:
        self._environ = dict(environ)
        self._clock = clock or SystemClock()
        self._files: dict[str, _CachedFile] = {}
        self._problems: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def secrets_for(self, account: Account, flow: str) -> tuple[bytes, ...]:
        """Return the secrets that *account* has for *flow* now, in the file's order: newest first.

        `waimai-<kind>` takes those of `waimai`. Empty where the account has none for it, or none
        can be resolved; `problem` then names account and flow.
        """
        name = secret_name(flow)
        found: list[bytes] = []
        faults: list[str] = []
        for reference in account.secrets.get(name, ()):
            value, fault = self._resolve(reference)
            if value is not None:
                found.append(value)
                fault = fault or malformed(account, name, reference, value)
            if fault is not None:
                faults.append(fault)
        self._note(account.id, name, faults)
        return tuple(found)

    def value_of(self, reference: str) -> tuple[bytes | None, str | None]:
        """Return what *reference* gives now, and in words why it gives nothing; the words never hold any of it."""
        return self._resolve(reference)

    def address_of(self, channel: NotificationChannel) -> tuple[str | None, str | None]:
        """Return the channel's address as it stands now, and in words why it cannot be used; one of the two is None.

        The words name the reference, and never hold any of the address.
        """
        value, fault = self._resolve(channel.address)
        if value is None:
            return None, fault
        address = value.decode("utf-8", "replace").strip()
        if fault := address_fault(address):
            return None, f"{_source(channel.address)}: {fault}"
        return address, None

    def malformed_address(self, channel: NotificationChannel) -> str | None:
        """Return what is wrong with the address that is had here, None where it is well or not to be had."""
        value, _ = self._resolve(channel.address)
        return None if value is None else self.address_of(channel)[1]

    def malformed(self, account: Account, flow: str, reference: str) -> str | None:
        """Return what is wrong with the secret that *reference* gives here, None where it is well or not to be had."""
        value, _ = self._resolve(reference)
        return None if value is None else malformed(account, flow, reference, value)

    def check(self, registry: Registry) -> tuple[str, ...]:
        """Resolve every secret of *registry*; return what is wrong, naming account and flow.

        What is new among it is logged, so that this may be asked often.
        """
        there = {(account.id, flow) for account in registry.accounts for flow in account.secrets}
        with self._lock:
            for gone in self._problems.keys() - there:
                del self._problems[gone]
        for account in registry.accounts:
            for flow in account.secrets:
                self.secrets_for(account, flow)
        with self._lock:
            return tuple(self._problems[key] for key in sorted(self._problems))

    def problem(self) -> str | None:
        """Return what the last look at each secret found wrong, or None: a check for `Health`."""
        with self._lock:
            return "; ".join(self._problems[key] for key in sorted(self._problems)) or None

    def _note(self, account_id: str, flow: str, faults: list[str]) -> None:
        key = (account_id, flow)
        with self._lock:
            before = self._problems.pop(key, None)
            if not faults:
                return
            self._problems[key] = f"account {account_id}, flow {flow}: {'; '.join(faults)}"
            if before != self._problems[key]:
                log.warning("a secret cannot be used", account=account_id, flow=flow, faults=faults)

    def _resolve(self, reference: str) -> tuple[bytes | None, str | None]:
        scheme, _, rest = reference.partition(":")
        if scheme == "plain":
            return rest.encode(), None
        if scheme == "env":
            value = self._environ.get(rest, "").encode()
            return (value, None) if value else (None, f"the environment variable {rest} is not set or empty")
        return self._resolve_file(rest)

    def _resolve_file(self, path: str) -> tuple[bytes | None, str | None]:
        now = self._clock.now_ms()
        with self._lock:
            cached = self._files.get(path)
            if cached is None or not 0 <= now - cached.checked_ms < FILE_AGE_MS:
                cached = self._files[path] = _look(path, cached, now)
            return cached.value, cached.problem


def secret_name(flow: str) -> str:
    """Return the name under which the secrets of *flow* stand in the registry."""
    return "waimai" if flow.startswith("waimai-") else flow


def malformed(account: Account, flow: str, reference: str, value: bytes) -> str | None:
    """Return in words that *value* spells no key for the flow that needs one, or None; never a part of it."""
    if flow != "push" and (account.platform, flow) not in _WEBHOOKS:
        return None
    try:
        parse_webhook_secret(value)
    except ValueError as error:
        return f"{_source(reference)} holds no Standard Webhooks secret: {error}; every push to it is refused"
    return None


def _source(reference: str) -> str:
    scheme, _, rest = reference.partition(":")
    return {"env": f"the environment variable {rest}", "file": f"the file {rest}"}.get(scheme, "the plain: reference")


def _look(path: str, cached: _CachedFile | None, now_ms: int) -> _CachedFile:
    try:
        status = Path(path).stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if cached is not None and cached.stamp == stamp:
            return _CachedFile(cached.value, now_ms, stamp, None)
        value = _read(path)
    except (OSError, ConfigurationError) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error)
        last = None if cached is None else cached.value
        note = "" if last is None else "; its last value stays in force"
        return _CachedFile(last, now_ms, None, f"the file {path} cannot be used ({cause}){note}")
    return _CachedFile(value, now_ms, stamp, None)


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        value = file.read(MAX_SECRET_BYTES + 1).rstrip(b"\r\n")
    if not value:
        raise ConfigurationError("it is empty")
    if len(value) > MAX_SECRET_BYTES:
        raise ConfigurationError(f"it is larger than {MAX_SECRET_BYTES} bytes")
    return value
