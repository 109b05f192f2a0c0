#!/usr/bin/env bash
# An integer that is too large for its column is stored as another number, in every text format, without an error.
# A sign or a fraction in the same place is refused, which makes one think that the range is looked at too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check chdb==4.4.0
cat >"$work/expected" <<'EOF'
ClickHouse 26.9.2.1
300 in UInt8: 44 44
3000000000 in Int32: -1294967296
2 to the 64th, and 1, in UInt64: 1
-1 in UInt8: CANNOT_PARSE_NUMBER
1.7 in UInt8: CANNOT_PARSE_INPUT_ASSERTION_FAILED
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
import chdb


def stored(column: str, name: str, body: str) -> str:
    """Return what *body* comes to in *column*, or the name of the error."""
    try:
        return chdb.query(f"SELECT * FROM format({name}, 'n {column}', '{body}')").bytes().decode().strip().strip('"')
    except RuntimeError as error:
        return str(error).rsplit("(", 1)[1].rstrip(").\n")


print("ClickHouse", chdb.query("SELECT version()").bytes().decode().strip().strip('"'))
print("300 in UInt8:", stored("UInt8", "JSONEachRow", '{"n":300}'), stored("UInt8", "CSV", "300"))
print("3000000000 in Int32:", stored("Int32", "JSONEachRow", '{"n":3000000000}'))
print("2 to the 64th, and 1, in UInt64:", stored("UInt64", "JSONEachRow", '{"n":18446744073709551617}'))
print("-1 in UInt8:", stored("UInt8", "JSONEachRow", '{"n":-1}'))
print("1.7 in UInt8:", stored("UInt8", "JSONEachRow", '{"n":1.7}'))
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
