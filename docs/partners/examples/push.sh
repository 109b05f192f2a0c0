#!/usr/bin/env bash
# Push events from standard input; print the verdicts. Exit 1 where one was rejected, 2 where nothing was taken.
#   AVENUE_URL=https://gw.example.com AVENUE_KEY=avk_… bash push.sh < events.json
# With a secret instead of a key: AVENUE_ACCOUNT=my-account AVENUE_SECRET=whsec_…
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/body"
address="$AVENUE_URL/v1/events"

# The id stays the same over all attempts; the time is each attempt's own.
id="push-$(openssl rand -hex 16)"
headers() {
    if [ -n "${AVENUE_KEY:-}" ]; then
        echo "Authorization: Bearer $AVENUE_KEY"
        return
    fi
    local key at
    key=$(printf %s "${AVENUE_SECRET#whsec_}" | openssl base64 -d -A | od -An -vtx1 | tr -d ' \n')
    at=$(date +%s)
    echo "webhook-id: $id"
    echo "webhook-timestamp: $at"
    echo "webhook-signature: v1,$({ printf %s "$id.$at."; cat "$work/body"; } |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)"
}
[ -n "${AVENUE_KEY:-}" ] || address="$address?account=$AVENUE_ACCOUNT"

for attempt in 1 2 3 4 5; do
    headers > "$work/headers"   # in a file, so that no list of processes shows the key
    status=$(curl -sS -o "$work/answer" -D "$work/answered" -w '%{http_code}' \
        -H @"$work/headers" -H 'Content-Type: application/json' --data-binary @"$work/body" "$address") || status=000
    case $status in
    200)
        cat "$work/answer"
        echo
        grep -q '"rejected": *0[,}]' "$work/answer"
        exit
        ;;
    000 | 429 | 503) # sending again is harmless: the same event_id is one event
        wait=$(sed -n 's/^retry-after: *\([0-9]*\).*/\1/Ip' "$work/answered" 2>/dev/null || true)
        [ "$attempt" = 5 ] || sleep "${wait:-$((2 ** attempt))}"
        ;;
    *) break ;;
    esac
done
cat "$work/answer" >&2 || true
exit 2
