#!/usr/bin/env bash
# ClickHouse writes NULL into CSV as \N; pandas knows some twenty spellings of nothing, and not this one.
# One NULL makes a column of numbers a column of text, without an error: a sum joins digits.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check chdb==4.4.0 pandas==3.1.1
cat >"$work/expected" <<'EOF'
ClickHouse 26.9.2.1 pandas 3.1.1
"number","n"
0,0
1,\N
2,20
3,30
pandas reads str | the sum is '0\\N2030'
and with na_values float64 | the sum is 50.0
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
import io
from importlib.metadata import version

import chdb
import pandas

written = chdb.query("SELECT number, if(number = 1, NULL, number * 10) AS n FROM numbers(4)", "CSVWithNames").bytes().decode()
print("ClickHouse", chdb.query("SELECT version()").bytes().decode().strip().strip('"'), "pandas", version("pandas"))
print(written.strip())
read = pandas.read_csv(io.StringIO(written))
print("pandas reads", read["n"].dtype, "| the sum is", repr(read["n"].sum()))
told = pandas.read_csv(io.StringIO(written), na_values="\\N")
print("and with na_values", told["n"].dtype, "| the sum is", told["n"].sum())
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
