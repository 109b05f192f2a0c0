#!/usr/bin/env bash
# `argMax(value, version)` of a Nullable value is not the value of the last version: versions without a value are passed over.
# The last row by ORDER BY and FINAL of a ReplacingMergeTree say NULL of the same rows; a tuple makes argMax say so too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check chdb==4.4.0
cat >"$work/expected" <<'EOF'
ClickHouse 26.9.2.1
argMax: 7
last row: \N
FINAL: \N
argMax of a tuple: \N
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
from chdb import session

store = session.Session()


def told(sql: str) -> str:
    """Return the answer to *sql* as text."""
    return store.query(sql).bytes().decode().strip().strip('"')


print("ClickHouse", told("SELECT version()"))
store.query("CREATE DATABASE d")
store.query("CREATE TABLE d.t (id UInt8, version UInt8, value Nullable(UInt8)) ENGINE ReplacingMergeTree(version) ORDER BY id")
store.query("INSERT INTO d.t VALUES (1, 1, 7), (1, 2, NULL)")
print("argMax:", told("SELECT argMax(value, version) FROM values('version UInt8, value Nullable(UInt8)', (1, 7), (2, NULL))"))
print("last row:", told("SELECT value FROM values('version UInt8, value Nullable(UInt8)', (1, 7), (2, NULL)) ORDER BY version DESC LIMIT 1"))
print("FINAL:", told("SELECT value FROM d.t FINAL"))
print("argMax of a tuple:", told("SELECT argMax(tuple(value), version).1 FROM values('version UInt8, value Nullable(UInt8)', (1, 7), (2, NULL))"))
store.close()
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
