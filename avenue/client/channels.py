"""The registry's channels for the command line: from the server that runs here, or the one at an address."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from avenue.client.store_access import error_detail
from avenue.run_file import read_run_file
from runtime.errors import ConfigurationError, PipelineError, UnavailableError
from runtime.settings import Settings

# A test waits for every try of one message.
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class TellingServer:
    """Who tells: where it answers, and a key that it takes."""

    url: str
    key: str

    def channels(self) -> list[dict[str, Any]]:
        """Return the channels that the key may try. Raises `UnavailableError`, `PipelineError`."""
        found: list[dict[str, Any]] = self._ask("GET", "/v1/channels")["channels"]
        return found

    def test(self, channel_id: str) -> dict[str, Any]:
        """Send a test to a channel and return what came of it. Raises `UnavailableError`, `PipelineError`."""
        return self._ask("POST", f"/v1/channels/{quote(channel_id, safe='')}/test")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
                answer = client.request(
                    method, self.url.rstrip("/") + path, headers={"authorization": f"Bearer {self.key}"}
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(f"the server at {self.url} does not answer ({type(error).__name__})") from error
        if answer.status_code == 404 and method == "POST":
            raise PipelineError("there is no such channel for this key; `avenue channel list` shows them")
        if answer.status_code != 200:
            raise PipelineError(f"the server answered {answer.status_code}: {error_detail(answer)}")
        found: dict[str, Any] = answer.json()
        return found


def telling_server(settings: Settings, url: str | None, key: str | None) -> TellingServer:
    """Return the server at *url*, or the one that runs on this home.

    Raises `UnavailableError` where none runs here, `ConfigurationError` where *url* comes without a *key*.
    """
    if url is not None:
        if key is None:
            raise ConfigurationError("--url needs a key of scope operator or startup:ID: --key or AVENUE_KEY")
        return TellingServer(url, key)
    run = read_run_file(settings.home)
    if run is None:
        raise UnavailableError(
            f"nothing runs on {settings.home.absolute()}: start it with `avenue up`, or name the reports role by --url"
        )
    return TellingServer(run.url, run.operator_key)
