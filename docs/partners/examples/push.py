"""Push events from standard input; print the verdicts. Exit 1 where one was rejected, 2 where nothing was taken.

    AVENUE_URL=https://gw.example.com AVENUE_KEY=avk_… python push.py < events.json

With a secret instead of a key: AVENUE_ACCOUNT=my-account AVENUE_SECRET=whsec_…
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 5


def credentials(push_id: str, body: bytes) -> dict[str, str]:
    if key := os.environ.get("AVENUE_KEY"):
        return {"Authorization": f"Bearer {key}"}
    secret = base64.b64decode(os.environ["AVENUE_SECRET"].removeprefix("whsec_"))
    at = str(int(time.time()))  # each attempt's own
    signature = hmac.new(secret, f"{push_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": push_id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }


def push(body: bytes) -> dict[str, object]:
    address = os.environ["AVENUE_URL"] + "/v1/events"
    if not os.environ.get("AVENUE_KEY"):
        address += "?account=" + os.environ["AVENUE_ACCOUNT"]
    push_id = "push-" + secrets.token_hex(16)  # the same over all attempts
    for attempt in range(1, ATTEMPTS + 1):
        headers = {"Content-Type": "application/json", **credentials(push_id, body)}
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt == ATTEMPTS:
                sys.exit(fail(error.read().decode()))
            wait = int(error.headers.get("Retry-After") or 2**attempt)
        except urllib.error.URLError as error:
            if attempt == ATTEMPTS:
                sys.exit(fail(str(error.reason)))
            wait = 2**attempt
        time.sleep(wait)  # sending again is harmless: the same event_id is one event
    raise AssertionError


def fail(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    verdicts = push(sys.stdin.buffer.read())
    print(json.dumps(verdicts))
    sys.exit(1 if verdicts["rejected"] else 0)
