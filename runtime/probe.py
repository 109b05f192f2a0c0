"""Ask this machine's role whether it is ready: `python -m runtime.probe`; for images that have no curl."""

import json
import sys
from http.client import HTTPConnection, HTTPException

from runtime.errors import ConfigurationError
from runtime.settings import load_settings

# Readiness is read from memory: who takes longer is stuck.
TIMEOUT_S = 3.0
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask a server that listens everywhere


def main() -> int:
    """Print each dependency that is not well; end with 0 where the role is ready, 1 where not, 2 where misused."""
    try:
        http = load_settings().http
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's own message
        return 2
    connection = HTTPConnection(ANY_HOST.get(http.ops_host, http.ops_host), http.ops_port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        state = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        print(f"no answer on the ops port {http.ops_port}: {error}")  # noqa: T201 - a command's own message
        return 1
    finally:
        connection.close()
    wrong = {name: part["detail"] for name, part in state["dependencies"].items() if not part["ok"]}
    print("ready" if state["ready"] else f"not ready: {wrong}")  # noqa: T201 - a command's own message
    return 0 if state["ready"] else 1


if __name__ == "__main__":
    sys.exit(main())
