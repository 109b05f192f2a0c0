#!/usr/bin/env bash
# chdb requires chdb-core, and both bring chdb/__init__.py, with different content: the one unpacked last stands.
# Each has an exception class of its own, so `except chdb.ChdbError` catches in one order and does not in the other;
# and when the wrapper is removed, it takes the engine's file with it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
pip=("$work/venv/bin/pip" --quiet --disable-pip-version-check)
install=("${pip[@]}" install --no-compile --no-deps --force-reinstall)
"${pip[@]}" install --no-compile chdb==4.4.0 chdb-core==26.9.0
cat >"$work/expected" <<'EOF'
in both: chdb/__init__.py
the engine last: ChdbError is chdb._exceptions.ChdbError, and the engine's own error is one
the wrapper last: ChdbError is chdb.ChdbError, and the engine's own error is none
the wrapper removed: no chdb.connect
EOF
look() {
    "$work/venv/bin/python" - "$1" <<'EOF'
import sys

import chdb

if not hasattr(chdb, "connect"):
    print(f"{sys.argv[1]}: no chdb.connect")
    raise SystemExit
from chdb._exceptions import ChdbError

own = "one" if issubclass(ChdbError, chdb.ChdbError) else "none"
print(f"{sys.argv[1]}: ChdbError is {chdb.ChdbError.__module__}.ChdbError, and the engine's own error is {own}")
EOF
}
{
    "$work/venv/bin/python" - <<'EOF'
from importlib.metadata import files

print("in both:", *sorted({str(f) for f in files("chdb")} & {str(f) for f in files("chdb-core")}))
EOF
    "${install[@]}" chdb-core==26.9.0
    look "the engine last"
    "${install[@]}" chdb==4.4.0
    look "the wrapper last"
    "${pip[@]}" uninstall --yes chdb
    look "the wrapper removed"
} | tee "$work/seen"
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
