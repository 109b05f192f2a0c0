#!/usr/bin/env bash
# Unix milliseconds sent to a DateTime64(3): CSV and TSV store the moment, JSONEachRow and VALUES the end of the year 9999.
# Where the text has no quotes it is taken for seconds there, and what lies beyond the type is cut off without an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check chdb==4.4.0
cat >"$work/expected" <<'EOF'
ClickHouse 26.9.2.1
CSV          2026-11-22 02:15:30.123
TSV          2026-11-22 02:15:30.123
JSONEachRow  9999-12-31 23:59:59.000
Values       9999-12-31 23:59:59.000
seconds      2026-11-22 02:15:30.123
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
import chdb

print("ClickHouse", chdb.query("SELECT version()").bytes().decode().strip().strip('"'))
SENT = {"CSV": "1795313730123", "TSV": "1795313730123", "JSONEachRow": '{"at":1795313730123}', "Values": "(1795313730123)"}
for name, body in SENT.items():
    asked = f"SELECT * FROM format({name}, 'at DateTime64(3, \\'UTC\\')', '{body}')"
    print(f"{name:12}", chdb.query(asked).bytes().decode().strip().strip('"'))
seconds = """SELECT * FROM format(JSONEachRow, 'at DateTime64(3, \\'UTC\\')', '{"at":1795313730.123}')"""
print("seconds     ", chdb.query(seconds).bytes().decode().strip().strip('"'))
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
