#!/usr/bin/env bash
# `sign` of standardwebhooks and svix takes a datetime by what its clock shows and forgets its zone.
# The same instant told in Shanghai's zone is signed as one eight hours later, and the receiver finds no match.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1 tzdata==2025.2
cat >"$work/expected" <<'EOF'
standardwebhooks 1.1.0
  UTC is verified
  Asia/Shanghai No matching signature found | signed as eight hours later: True
svix 2.9.1
  UTC is verified
  Asia/Shanghai No matching signature found | signed as eight hours later: True
EOF
"$work/venv/bin/python" - <<'EOF' | tee "$work/seen"
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

import standardwebhooks
import svix.webhooks

now = datetime.now(UTC).replace(microsecond=0)
here = now.astimezone(ZoneInfo("Asia/Shanghai"))
for name, module, prefix in (("standardwebhooks", standardwebhooks, "webhook"), ("svix", svix.webhooks, "svix")):
    hook = module.Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    print(name, version(name))
    for zone, at in (("UTC", now), ("Asia/Shanghai", here)):
        signature = hook.sign("msg_1", at, "{}")
        headers = {"id": "msg_1", "timestamp": str(int(at.timestamp())), "signature": signature}
        try:
            hook.verify("{}", {f"{prefix}-{part}": value for part, value in headers.items()})
            print(" ", zone, "is verified")
        except module.WebhookVerificationError as error:
            later = hook.sign("msg_1", now + timedelta(hours=8), "{}")
            print(" ", zone, error, "| signed as eight hours later:", signature == later)
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
