#!/usr/bin/env bash
# clickhouse-connect stores a naive datetime as local time and takes the same naive datetime in a question for UTC.
# A row is not found by the very value that it was inserted with, wherever the process runs in another zone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check clickhouse-connect==1.12.0 chdb==4.4.0 tzdata==2025.2
cat >"$work/expected" <<'EOF'
clickhouse-connect 1.12.0
stored: 2026-01-01 04:00:00 2026-01-01 04:00:00.000
found by the same value: 0
found by its text: 0
read back: 2026-01-01 12:00:00+08:00 | 2026-01-01 04:00:00
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
import os
import time
from datetime import datetime
from importlib.metadata import version

os.environ["TZ"] = "Asia/Shanghai"
time.tzset()

import clickhouse_connect

print("clickhouse-connect", version("clickhouse-connect"))
client = clickhouse_connect.get_client(interface="chdb")
client.command("CREATE DATABASE d")
client.command("CREATE TABLE d.t (at DateTime('UTC'), at_ms DateTime64(3, 'UTC')) ENGINE Memory")
noon = datetime(2026, 1, 1, 12)
client.insert("d.t", [[noon, noon]], column_names=["at", "at_ms"])
print("stored:", *client.query("SELECT toString(at), toString(at_ms) FROM d.t").first_row)
print("found by the same value:", client.query("SELECT count() FROM d.t WHERE at = {n:DateTime('UTC')}", parameters={"n": noon}).first_row[0])
print("found by its text:", client.query("SELECT count() FROM d.t WHERE at = {n:DateTime('UTC')}", parameters={"n": str(noon)}).first_row[0])
at, at_ms = client.query("SELECT at, at_ms FROM d.t").first_row
print("read back:", at, "|", at_ms)
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
