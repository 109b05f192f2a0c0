"""Adapters against bytes that are found by what of the code they reach: a verdict or a clean refusal, nothing personal.

python -m tests.support.adapter_fuzz [--seconds 60] [flow …]

Runs atheris, which has an environment of its own (`make fuzz`), on each flow's way from signed bytes to messages: no
network, no store. What it finds worth keeping is minimised and written to `tests/data/fuzz-corpus`, a file a flow, one
input a line in base64; a quick test sends all of them through again.
"""

import argparse
import base64
import gc
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from producers.adapters.base import MappedMessage, MappingContext, PlatformHandshake, RefusedPush, VerifiedPush
from producers.validation.pii import find_pii
from tests.support.adapter_contract import AdapterContract
from tests.support.adapter_signing import NOW_MS, Sent, receipt, service, waimai
from tests.support.native_walk import CONTRACTS, MARK, changed, whole
from tests.support.paths import DATA, ROOT

CORPUS = DATA / "fuzz-corpus"
MAX_INPUT_BYTES = 1024
MAX_KEPT_BYTES = 24_000
"""Of a flow's file: the corpus is read with every clone."""
FLOWS: Mapping[str, AdapterContract] = {
    f"{contract.platform}-{contract.flow}": contract for contract in reversed(CONTRACTS)
}
_FORM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_MOBILE = re.compile(rb"1[3-9][0-9]{9}")
_FORMS: Mapping[str, Callable[..., Sent]] = {"waimai": waimai, "service": service, "receipt": receipt}


class BrokenPromiseError(AssertionError):
    """An adapter did with some bytes what none may do."""


def try_input(flow: str, data: bytes) -> None:
    """Send *data* through a flow's adapter, signed and unsigned. Raises `BrokenPromiseError`, or what the code does."""
    contract = FLOWS[flow]
    adapter = contract.adapter()
    strange = adapter.adapt(contract.push(Sent(data, whole(contract).headers, data[:64]), secrets=(b"of nobody",)))
    _expect(isinstance(strange, RefusedPush | PlatformHandshake), "bytes that nobody signed were taken")
    push = contract.push(_signed(contract, data))
    read = adapter.adapt(push)
    _expect(isinstance(read, VerifiedPush) and bool(read.messages), "signed bytes have no message")
    context = MappingContext(push.account, push.flow, push.received_ms)
    for message in read.messages if isinstance(read, VerifiedPush) else ():
        told: dict[str, Any] = dict(message.fields) if isinstance(message, MappedMessage) else {}
        told.pop("subject", None)
        # A number in an amount's field is an amount.
        told.pop("amount_fen", None)
        kept = {name: value for name, value in message.payload.items() if name != "subject"}
        _expect(not [text for text in _texts([kept, told]) if find_pii(text, cards=False)], "a person's number is kept")
        again = adapter.interpret(json.loads(msgspec.json.encode(message.payload)), context)
        _expect(
            "sha256" in message.payload or again.payload == message.payload, "what is kept is not kept again as it is"
        )


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromiseError(otherwise)


def _signed(contract: AdapterContract, data: bytes) -> Sent:
    form = _FORMS.get("waimai" if contract.flow.startswith("waimai") else contract.flow)
    if form is None:
        return contract.sent_raw(data, contract.signing[0])
    fields: dict[str, str | bytes] = {
        # A percent sign would be decoded once more, and a signature covers the plain text.
        name: value.replace("%", "").encode("latin-1")
        for name, value in parse_qsl(data.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        if _FORM_NAME.match(name) and name not in {"sig", "sign", "timestamp", "img_data"}
    }
    fields["timestamp"] = str(NOW_MS // 1000)
    return waimai(fields, contract.signing[0], contract.flow) if form is waimai else form(fields, contract.signing[0])


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield str(name)
            yield from _texts(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _texts(value)
    elif isinstance(tree, str):
        yield tree


def corpus(flow: str) -> list[bytes]:
    """Return the inputs that are kept of a flow."""
    path = CORPUS / f"{flow}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def seeds(flow: str) -> Iterator[bytes]:
    """Yield what to begin with: the flow's own messages as they are signed, and with a mark in each field."""
    for contract in CONTRACTS:
        if f"{contract.platform}-{contract.flow}" == flow:
            for sent in (whole(contract), *list(changed(contract, f'"{MARK}"'.encode()))[:8]):
                yield (sent.body or sent.query)[:MAX_INPUT_BYTES]


def main() -> int:
    """Fuzz the flows that are asked for, one after the other; exit 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.adapter_fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each flow")
    parser.add_argument("--one", action="store_true", help="in this process, as atheris wants it")
    parser.add_argument("flows", nargs="*", help=", ".join(FLOWS))
    asked, rest = parser.parse_known_args()
    flows = asked.flows or list(FLOWS)
    if asked.one:
        return _run_one(flows[0], rest)
    return 1 if [flow for flow in flows if not _fuzzed(flow, asked.seconds)] else 0


def _run_one(flow: str, rest: list[str]) -> int:
    # Of another environment, and it ships no types.
    atheris: Any = import_module("atheris")

    # Ours alone: what the language's own library reaches is no news.
    for found in gc.get_objects():
        if isinstance(found, FunctionType) and str(found.__module__).startswith("producers"):
            atheris.instrument_func(found)
    atheris.Setup([sys.argv[0], *rest], lambda data: try_input(flow, data))
    atheris.Fuzz()
    return 0


def _fuzzed(flow: str, seconds: int) -> bool:
    """Fuzz one flow; keep what reaches something; say whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="avenue-adapters-") as name:
        folder = Path(name)
        found = folder / "found"
        found.mkdir()
        for number, data in enumerate([*corpus(flow), *seeds(flow)]):
            (found / f"seed-{number}").write_bytes(data)
        bounds = [f"-max_len={MAX_INPUT_BYTES}", f"-artifact_prefix={folder}/"]
        done = _atheris(flow, [f"-max_total_time={seconds}", *bounds, str(found)])
        print(f"{flow}: {_last(done.stderr)}", flush=True)  # noqa: T201 - a command's own
        if done.returncode:
            broken = [path.read_bytes() for path in folder.glob("crash-*")]
            print(done.stdout[-2000:], done.stderr[-3000:], [base64.b64encode(data).decode() for data in broken])  # noqa: T201
            return False
        _keep(flow, least(flow, filter(is_nobody_s, {path.read_bytes() for path in found.iterdir()})))
    return True


def _atheris(flow: str, words: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.support.adapter_fuzz", "--one", flow, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if "cov:" in line or line.startswith("Done")]
    return lines[-1] if lines else said[-500:]


def is_nobody_s(data: bytes) -> bool:
    """Tell whether *data* has no mobile number but the tests' invented one: a changed digit may make somebody's."""
    return _MOBILE.search(data.replace(b"13800138000", b"")) is None


def least(flow: str, inputs: Iterable[bytes]) -> list[bytes]:
    """Return those of *inputs*, the shortest first, that go a way through our code which none before has gone."""
    seen: set[tuple[str, int, int]] = set()
    kept = []
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        ways = _ways(flow, data)
        if not ways <= seen:
            kept.append(data)
        seen |= ways
    return kept


def _ways(flow: str, data: bytes) -> set[tuple[str, int, int]]:
    """Return the pairs of lines that follow each other as *data* is tried."""
    ways: set[tuple[str, int, int]] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if "/producers/" not in file:
            return None
        if event == "line":
            ways.add((file, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        return trace

    before = sys.gettrace()  # coverage traces, too, and is blind for the rest of the run when it is not put back
    sys.settrace(trace)
    try:
        try_input(flow, data)
    finally:
        sys.settrace(before)
    return ways


def _keep(flow: str, inputs: list[bytes]) -> None:
    """Write the shortest of *inputs*, as many as there is room for."""
    CORPUS.mkdir(exist_ok=True)
    lines, size = [], 0
    for data in inputs:
        line = base64.b64encode(data).decode()
        size += len(line) + 1
        if size > MAX_KEPT_BYTES:
            break
        lines.append(line)
    (CORPUS / f"{flow}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
