"""What the records of `registry.v1` add up to: a `Directory`."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from registry.directory import Directory
from registry.key_uses import USE_PREFIX
from runtime.kafka import LogRecord
from schemas.registry import AccessKey, Epoch, Registry, TrialPlan

REGISTRY_KEY = "registry:file"
KEY_PREFIX = "key:"
EPOCH_PREFIX = "epoch:"
PLAN_PREFIX = "plan:"

Model = TypeVar("Model", bound=BaseModel)


class RegistryState:
    """Folds records, in the order of the topic, into a `Directory`.

    The registry, keys and plans are replaced by a later record; of an epoch's number the first record stands, since
    two roles that start at once may both claim it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._version = -1
        self._registry: Registry | None = None
        self._keys: dict[str, AccessKey] = {}
        self._epochs: dict[int, Epoch] = {}
        self._plans: dict[str, TrialPlan] = {}

    def apply(self, record: LogRecord) -> None:
        """Take *record* in; an empty value is a tombstone. Raises `ValueError` where it cannot be read."""
        key = (record.key or b"").decode()
        if key == REGISTRY_KEY:
            self._apply_registry(record)
        elif key.startswith(KEY_PREFIX):
            self._apply_key(key.removeprefix(KEY_PREFIX), record.value)
        elif key.startswith(EPOCH_PREFIX):
            self._apply_epoch(int(key.removeprefix(EPOCH_PREFIX)), record.value)
        elif key.startswith(PLAN_PREFIX):
            self._apply_plan(key.removeprefix(PLAN_PREFIX), record.value)
        elif key.startswith(USE_PREFIX):
            # Told by `avenue key list`; what a key may do does not depend on it.
            return
        else:
            raise ValueError("the record's key names no known type of entry")

    def directory(self) -> Directory:
        """Return what stands now, as a view that does not change."""
        return Directory(
            version=self._version,
            registry=self._registry,
            keys={key.sha256: key for key in self._keys.values()},
            epochs=tuple(self._epochs[number] for number in sorted(self._epochs)),
            plans=dict(self._plans),
        )

    def _apply_registry(self, record: LogRecord) -> None:
        registry = _parse(Registry, record.value) if record.value else None
        view = Directory(version=record.offset, registry=registry)
        try:
            # A registry that names what it does not hold would fail at each look-up: refuse it here, as a whole.
            _ = (view.placed, view.trials_of_product)
        except KeyError as error:
            raise ValueError(f"the registry refers to {error}, which it does not hold") from error
        self._registry = registry
        self._version = record.offset

    def _apply_key(self, key_id: str, value: bytes) -> None:
        if value:
            self._keys[key_id] = _parse(AccessKey, value)
        else:
            self._keys.pop(key_id, None)

    def _apply_plan(self, trial_id: str, value: bytes) -> None:
        if not value:
            self._plans.pop(trial_id, None)
            return
        plan = _parse(TrialPlan, value)
        if plan.trial != trial_id:
            raise ValueError("the plan's trial is not that of its key")
        self._plans[trial_id] = plan

    def _apply_epoch(self, number: int, value: bytes) -> None:
        if not value:
            self._epochs.pop(number, None)
            return
        epoch = _parse(Epoch, value)
        if epoch.number != number:
            raise ValueError("the epoch's number is not that of its key")
        self._epochs.setdefault(number, epoch)


def _parse(model: type[Model], value: bytes) -> Model:
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        # Without the inputs: an entry that cannot be read may hold anything.
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise ValueError(faults) from None
