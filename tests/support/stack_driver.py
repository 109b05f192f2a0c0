"""Runs an embedded stack with a real broker and fake roles, as `avenue up` would: stack_driver.py HOME."""

import sys
from pathlib import Path
from typing import TextIO

from avenue.embedded.stack import SERVER, WORKER, EmbeddedStack, PortFlags, StackDeps
from runtime.errors import ConfigurationError, PipelineError
from runtime.settings import load_settings

ROLE = Path(__file__).with_name("fake_role.py")


def tell(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


def main() -> int:
    home = Path(sys.argv[1])
    settings = load_settings(home=home, kafka={"heap_mb": 384, "port": 0})
    wiring = StackDeps(
        prepare=lambda _settings: "no-key",
        say=lambda line: tell(sys.stderr, line),
        announce=lambda line: tell(sys.stdout, line),
        commands={name: [sys.executable, str(ROLE), name, str(home.parent)] for name in (WORKER, SERVER)},
    )
    try:
        return EmbeddedStack(settings, wiring, PortFlags()).run()
    except ConfigurationError as error:
        tell(sys.stderr, str(error))
        return 2
    except PipelineError as error:
        tell(sys.stderr, str(error))
        return 1


sys.exit(main())
