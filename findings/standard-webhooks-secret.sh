#!/usr/bin/env bash
# One Standard Webhooks secret is good in one of the standard's own libraries and none in another.
# Without its `=` Python and JavaScript sign alike and Go refuses it.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check standardwebhooks==1.1.0
cd "$work"
npm install --silent --no-fund --no-audit standardwebhooks@1.1.1 >npm.log 2>&1
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"os"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	for _, secret := range os.Args[1:] {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			fmt.Println("Go refused")
			continue
		}
		signature, _ := hook.Sign("msg_1", time.Unix(1751328000, 0), []byte("{}"))
		fmt.Println("Go", signature)
	}
}
EOF
export GOPATH="$work/go" GOFLAGS=-modcacherw
go mod init finding 2>/dev/null
go get github.com/standard-webhooks/standard-webhooks/libraries@v0.0.1 2>/dev/null
go build -o signer main.go
secrets=(whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ= whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ)
cat >expected <<'EOF'
Python v1,vZeWF+KOaTQ2bzMv5hyTjELEhJbsTW2FIbO7hLGwbJE=
Python v1,vZeWF+KOaTQ2bzMv5hyTjELEhJbsTW2FIbO7hLGwbJE=
JavaScript v1,vZeWF+KOaTQ2bzMv5hyTjELEhJbsTW2FIbO7hLGwbJE=
JavaScript v1,vZeWF+KOaTQ2bzMv5hyTjELEhJbsTW2FIbO7hLGwbJE=
Go v1,vZeWF+KOaTQ2bzMv5hyTjELEhJbsTW2FIbO7hLGwbJE=
Go refused
EOF
echo "PyPI standardwebhooks 1.1.0, npm standardwebhooks 1.1.1, Go standard-webhooks v0.0.1"
{
	"$work/venv/bin/python" - "${secrets[@]}" <<'EOF'
import sys
from datetime import UTC, datetime

from standardwebhooks import Webhook

for secret in sys.argv[1:]:
    print("Python", Webhook(secret).sign("msg_1", datetime.fromtimestamp(1751328000, UTC), "{}"))
EOF
	node - "${secrets[@]}" <<'EOF'
const { Webhook } = require("standardwebhooks");
for (const secret of process.argv.slice(2)) {
  console.log("JavaScript", new Webhook(secret).sign("msg_1", new Date(1751328000000), "{}"));
}
EOF
	./signer "${secrets[@]}"
} | tee seen
diff expected seen || { echo "this is no longer so" >&2; exit 1; }
