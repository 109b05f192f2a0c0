#!/usr/bin/env bash
# Litestar describes `int | float` as `oneOf` integer and number: by its own OpenAPI document every whole number is wrong.
# JSON Schema's number includes the integers, so both branches match. msgspec, which validates the request, writes `anyOf`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check litestar==2.25.0 msgspec==0.22.0 jsonschema==4.26.0
cat >"$work/expected" <<'EOF'
litestar 2.25.0 says {'oneOf': [{'type': 'integer'}, {'type': 'number'}]}
msgspec 0.22.0 says {'anyOf': [{'type': 'integer'}, {'type': 'number'}]}
5 is answered 201 | valid by Litestar's document, by msgspec's schema: False True
5.5 is answered 201 | valid by Litestar's document, by msgspec's schema: True True
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
from importlib.metadata import version

import msgspec
from jsonschema import Draft202012Validator
from litestar import Litestar, post
from litestar.testing import TestClient


class Reading(msgspec.Struct):
    """A body."""

    value: int | float


@post("/")
async def take(data: Reading) -> None:
    """Take a reading."""


app = Litestar([take])
described = app.openapi_schema.to_schema()["components"]["schemas"]["Reading"]
ours = msgspec.json.schema(Reading)
print("litestar", version("litestar"), "says", described["properties"]["value"])
print("msgspec", version("msgspec"), "says", ours["$defs"]["Reading"]["properties"]["value"])
with TestClient(app) as client:
    for value in (5, 5.5):
        status = client.post("/", json={"value": value}).status_code
        answers = [Draft202012Validator(schema).is_valid({"value": value}) for schema in (described, ours)]
        print(value, "is answered", status, "| valid by Litestar's document, by msgspec's schema:", *answers)
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
