"""Who can be simulated: the registry's accounts whose secrets are at hand, with the placements they report."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from avenue.simulator.messages.base import FlowSigner
from avenue.simulator.messages.catalogue import MESSAGE_TYPES, MessageType
from avenue.simulator.messages.meituan import service_kinds
from avenue.simulator.messages.sessions import SimulatedPlacement
from avenue.simulator.options import SimulateOptions
from registry.directory import Directory, PlacementSpan
from registry.file import load_registry
from registry.secrets import SecretResolver
from registry.webhook_signing import secret_bytes
from runtime.errors import ConfigurationError
from schemas.registry import Account, Registry

BATCH_FLOW = "events"
_PEM = b"-----BEGIN"


@dataclass(frozen=True, slots=True)
class NativeSource:
    """One type of message of one account's flow; `placements` with the keys that name each, if it needs any."""

    signer: FlowSigner
    message_type: MessageType
    placements: tuple[tuple[SimulatedPlacement, Mapping[str, str]], ...]


@dataclass(frozen=True, slots=True)
class BatchSource:
    """An account that pushes batches, by an access key or a signature."""

    account: Account
    placements: tuple[SimulatedPlacement, ...]
    key: str = ""
    secret: bytes = b""
    foreign_product: str = ""
    max_age_days: int = 30


@dataclass(frozen=True, slots=True)
class TrafficSources:
    """Everything to draw from; `skipped` says for each flow left out why."""

    native: tuple[NativeSource, ...]
    batch: tuple[BatchSource, ...]
    skipped: tuple[str, ...]


def find_sources(options: SimulateOptions) -> TrafficSources:
    """Return what *options* selects; raise `ConfigurationError` where nothing is left."""
    registry = options.registry if isinstance(options.registry, Registry) else load_registry(options.registry)
    directory = Directory(registry=registry)
    _check_names(options, directory)
    finder = _SourceFinder(options, directory, SecretResolver(os.environ))
    native = tuple(finder.native())
    batch = tuple(finder.batch())
    skipped = tuple(dict.fromkeys(finder.skipped))
    if not native and not batch:
        why = "; ".join(skipped) or "no account of the registry fits"
        raise ConfigurationError(f"there is nothing to simulate: {why}")
    return TrafficSources(native, batch, skipped)


def _check_names(options: SimulateOptions, directory: Directory) -> None:
    named = [*options.keys, *(name.partition("/")[0] for name in options.private_keys)]
    for account in named:
        if account not in directory.accounts:
            known = ", ".join(sorted(directory.accounts))
            raise ConfigurationError(f"the registry has no account {account}; it has {known}")


class _SourceFinder:
    """Goes through the registry once; remembers what it had to leave out."""

    def __init__(self, options: SimulateOptions, directory: Directory, resolver: SecretResolver) -> None:
        self._options = options
        self._directory = directory
        self._resolver = resolver
        self._now_ms = options.clock.now_ms()
        self.skipped: list[str] = []

    def native(self) -> Iterator[NativeSource]:
        """Yield every type of message that an account can sign and a placement can take."""
        for account in self._directory.accounts.values():
            for message_type in MESSAGE_TYPES:
                if message_type.platform != account.platform or message_type.flow not in account.secrets:
                    continue
                if not self._selected(account.platform, message_type.flow):
                    continue
                placements = tuple(self._placements_by_key(account, message_type))
                if message_type.on and not placements:
                    continue
                for signer in self._signers(account, message_type.flow):
                    yield NativeSource(signer, message_type, placements)

    def _selected(self, platform: str, flow: str) -> bool:
        wanted = self._options.only
        name = f"{platform}/{flow}"
        return not wanted or any(fnmatch(name, w if "/" in w else f"{w}/*") for w in wanted)

    def _signers(self, account: Account, flow: str) -> Iterator[FlowSigner]:
        """Yield a signer per valid secret: while one is rotated, pushes come under both."""
        name = f"{account.id}/{flow}"
        if (account.platform, flow) == ("meituan", "waimai") and not account.public_url:
            self.skipped.append(f"{name}: a waimai push is signed for the account's public_url, and it has none")
            return
        if flow == "service" and not service_kinds(FlowSigner(account, flow, b"")):
            self.skipped.append(f"{name}: the account's message_types name none that an amount alone makes")
            return
        for secret in self._secrets(account, flow):
            is_rsa = secret.lstrip().startswith(_PEM)
            if not is_rsa:
                yield FlowSigner(account, flow, secret)
            elif path := self._options.private_keys.get(name):
                yield FlowSigner(account, flow, _read(path), rsa=True)
            else:
                self.skipped.append(
                    f"{name}: its secret is a public key; give the private one, --private-key {name}=FILE"
                )

    def _secrets(self, account: Account, flow: str) -> tuple[bytes, ...]:
        found = self._resolver.secrets_for(account, flow)
        if len(found) < len(account.secrets[flow]):
            self.skipped.append(
                f"{account.id}/{flow}: {len(account.secrets[flow]) - len(found)} of its secrets not here"
            )
        return found

    def _placements_by_key(
        self, account: Account, message_type: MessageType
    ) -> Iterator[tuple[SimulatedPlacement, Mapping[str, str]]]:
        for placed in self._directory.placed.values():
            is_named = placed.account_id == account.id and placed.match and set(placed.match) <= set(message_type.on)
            if is_named and self._in_reach(placed):
                yield self._placement(placed), placed.match

    def _in_reach(self, placed: PlacementSpan) -> bool:
        trial = self._directory.trial_spans[placed.trial_id]
        return placed.covers(self._now_ms) and trial.covers(self._now_ms)

    def _placement(self, placed: PlacementSpan) -> SimulatedPlacement:
        trial = self._directory.trial_spans[placed.trial_id]
        first_ms = trial.starts_ms if trial.baseline_from_ms is None else min(trial.starts_ms, trial.baseline_from_ms)
        return SimulatedPlacement(
            placed=placed,
            from_ms=max(placed.from_ms, first_ms),
            until_ms=min(placed.until_ms, trial.ends_ms),
            starts_ms=trial.starts_ms,
            alone=len(self._directory.trials_of_product[placed.product_id]) == 1,
            heartbeat=self._directory.placements[placed.placement_id].heartbeat_s is not None,
        )

    def batch(self) -> Iterator[BatchSource]:
        """Yield every account that has a key or a `push` secret, and something to report."""
        for account in self._directory.accounts.values():
            key = self._options.keys.get(account.id, "")
            if not self._selected(account.platform, BATCH_FLOW) or not (key or "push" in account.secrets):
                continue
            secrets = () if key else self._secrets(account, "push")
            placements = tuple(self._placements_of(account))
            if not placements:
                self.skipped.append(f"{account.id}/{BATCH_FLOW}: no placement of its products stands now")
            elif key or secrets:
                yield self._batch_source(account, placements, key, secrets[0].decode() if secrets else "")

    def _placements_of(self, account: Account) -> Iterator[SimulatedPlacement]:
        products = self._directory.products_of(account.id)
        for placed in self._directory.placed.values():
            if placed.product_id in products and self._in_reach(placed):
                yield self._placement(placed)

    def _batch_source(
        self, account: Account, placements: tuple[SimulatedPlacement, ...], key: str, secret: str
    ) -> BatchSource:
        foreign = sorted(set(self._directory.products) - self._directory.products_of(account.id))
        return BatchSource(
            account=account,
            placements=placements,
            key=key,
            secret=secret_bytes(secret) if secret else b"",
            foreign_product=foreign[0] if foreign else "",
            max_age_days=account.max_event_age_days or 30,
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
