#!/usr/bin/env bash
# Makes vectors.json beside this file: pushes that published packages which are not ours have signed, or whose signature
# they have checked. A test holds the adapters to them. It needs Python, node, Go, a JDK with Maven, and cargo, takes some
# minutes, and leaves nothing else behind. A call to Bilibili has the moment and a number drawn in it: it differs each time.
set -euo pipefail
target=$(cd "$(dirname "$0")" && pwd)/vectors.json
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
export WHSEC=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQz WHID=msg_independent_1 WHAT=1751328000
export WHBODY='{"type":"recycle.order.status_changed","timestamp":"2025-07-01T00:00:00Z","data":{"order_no":"R1001","note":"旧手机"}}'
export BILI_KEY=ak_test BILI_SECRET=sk_test BILI_BODY='{"code":"TESTCODE","app_id":1000000000001}'
openssl genrsa -out private.pem 2048 2>/dev/null
openssl rsa -in private.pem -pubout -out public.pem 2>/dev/null

for name in signers pay; do "${PYTHON:-python3}" -m venv "$name"; done
# The two share a package folder, so that each has a place of its own.
signers/bin/pip install --quiet --no-compile --disable-pip-version-check standardwebhooks==1.1.0 'bytedance[crypto]==1.0.0'
pay/bin/pip install --quiet --no-compile --disable-pip-version-check bytedance-douyinpay==1.1.0
signers/bin/python - >pypi.out <<'EOF'
import os
from datetime import UTC, datetime

from standardwebhooks import Webhook

at = datetime.fromtimestamp(int(os.environ["WHAT"]), UTC)
print(Webhook(os.environ["WHSEC"]).sign(os.environ["WHID"], at, os.environ["WHBODY"]))
EOF

npm install --silent --no-fund --no-audit standardwebhooks@1.1.1 >npm.log 2>&1
node - >npm.out <<'EOF'
const { Webhook } = require("standardwebhooks");
const { WHSEC, WHID, WHAT, WHBODY } = process.env;
console.log(new Webhook(WHSEC).sign(WHID, new Date(Number(WHAT) * 1000), WHBODY));
EOF

mkdir go && cat >go/main.go <<'EOF'
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	hook, err := standardwebhooks.NewWebhook(os.Getenv("WHSEC"))
	if err != nil {
		panic(err)
	}
	at, _ := strconv.ParseInt(os.Getenv("WHAT"), 10, 64)
	signature, err := hook.Sign(os.Getenv("WHID"), time.Unix(at, 0), []byte(os.Getenv("WHBODY")))
	if err != nil {
		panic(err)
	}
	fmt.Println(signature)
}
EOF
(
	cd go
	export GOPATH="$work/gopath" GOFLAGS=-modcacherw
	go mod init vectors 2>/dev/null
	go get github.com/standard-webhooks/standard-webhooks/libraries@v0.0.1 2>/dev/null
	go run main.go
) >go.out

mkdir java && cat >java/Sign.java <<'EOF'
import com.standardwebhooks.Webhook;

public class Sign {
    public static void main(String[] none) throws Exception {
        var env = System.getenv();
        System.out.println(new Webhook(env.get("WHSEC")).sign(env.get("WHID"), Long.parseLong(env.get("WHAT")), env.get("WHBODY")));
    }
}
EOF
mvn -q -B -Dmaven.repo.local="$work/m2" dependency:get -Dtransitive=false -Dartifact=com.standardwebhooks:standardwebhooks:1.1.0
jar=$(find m2 -name standardwebhooks-1.1.0.jar)
LC_ALL=C.UTF-8 java -Dfile.encoding=UTF-8 -Dsun.jnu.encoding=UTF-8 -cp "$jar" java/Sign.java >java.out

mkdir -p rust/src && cat >rust/Cargo.toml <<'EOF'
[package]
name = "vectors"
version = "0.0.0"
edition = "2021"
[dependencies]
standardwebhooks = "=1.0.1"
bililivex = "=0.1.0"
reqwest = "0.11"
EOF
cat >rust/src/main.rs <<'EOF'
use bililivex::auth::{md5, Auth};
use reqwest::header::HeaderMap;
use standardwebhooks::Webhook;
use std::env::var;

fn main() {
    let of = |name: &str| var(name).unwrap();
    let hook = Webhook::new(&of("WHSEC")).unwrap();
    println!("{}", hook.sign(&of("WHID"), of("WHAT").parse().unwrap(), of("WHBODY").as_bytes()).unwrap());
    let mut headers = HeaderMap::new();
    Auth::new(of("BILI_KEY"), of("BILI_SECRET")).build_headers(md5(of("BILI_BODY")), &mut headers);
    for (name, value) in headers.iter() {
        println!("{}: {}", name, value.to_str().unwrap());
    }
}
EOF
(cd rust && CARGO_HOME="$work/cargo" cargo run --quiet) >rust.out

cat >trade.py <<'EOF'
import json
import sys
from pathlib import Path

STAMP, NONCE = "1751328000", "nonce-0001"
BODY = '{"version":"3.0","type":"payment","msg":"{\\"out_order_no\\":\\"T-1\\",\\"note\\":\\"奶茶\\"}"}'
private, public = Path("private.pem").read_text(), Path("public.pem").read_text()
if sys.argv[1] == "bytedance":
    from bytedance.security import rsa_sign, verify_platform

    signature = rsa_sign(f"{STAMP}\n{NONCE}\n{BODY}\n", private)
    if isinstance(signature, bytes):
        signature = signature.decode()
    head = {"Byte-Timestamp": STAMP, "Byte-Nonce-Str": NONCE, "Byte-Signature": signature}
    verify_platform(BODY.encode(), head, public)
else:
    from bytedance.douyinpay.crypto.rsa import rsa_sign
    from bytedance.douyinpay.formatter import build_response_verify_message
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private.encode(), None)
    signature = rsa_sign(build_response_verify_message(int(STAMP), NONCE, BODY.encode()), key)
    head = {"Byte-Timestamp": STAMP, "Byte-Nonce-Str": NONCE, "Byte-Signature": signature}
print(json.dumps({"body": BODY, "headers": head, "secret": public}, ensure_ascii=False))
EOF
signers/bin/python trade.py bytedance >bytedance.out
pay/bin/python trade.py pay >pay.out

# It checks and does not sign: openssl signs, the package accepts that and refuses the same with one byte changed.
export DYSEC=dy_independent_secret
export DYBODY='{"event":"life_trade_order_notify","client_key":"aw_demo","content":{"action":"pay_success","note":"奶茶"}}'
DYSIGN=$(printf '%s%s' "$DYSEC" "$DYBODY" | openssl dgst -sha1 -r | cut -d' ' -f1)
export DYSIGN
signers/bin/python - <<'EOF'
import os

from bytedance.security import verify_webhook

secret, body, sign = (os.environ[name] for name in ("DYSEC", "DYBODY", "DYSIGN"))
verify_webhook(body.encode(), {"X-Douyin-Signature": sign}, secret)
try:
    verify_webhook(body.encode() + b" ", {"X-Douyin-Signature": sign}, secret)
except Exception as refused:
    print("bytedance:", refused)
else:
    raise SystemExit("bytedance accepts another body")
EOF

"${PYTHON:-python3}" - "$target" <<'EOF'
import json
import os
import sys
from pathlib import Path

env = os.environ
vectors = []


def add(flow, package, version, registry, language, secret, body, headers, did="signed"):
    names = ("flow", "package", "version", "registry", "language", "did", "secret", "headers", "body")
    vectors.append(dict(zip(names, (flow, package, version, registry, language, did, secret, headers, body), strict=True)))


go = "github.com/standard-webhooks/standard-webhooks/libraries"
for out, package, version, registry, language in (
    ("pypi", "standardwebhooks", "1.1.0", "PyPI", "Python"),
    ("npm", "standardwebhooks", "1.1.1", "npm", "JavaScript"),
    ("go", go, "0.0.1", "Go module proxy", "Go"),
    ("java", "com.standardwebhooks:standardwebhooks", "1.1.0", "Maven Central", "Java"),
    ("rust", "standardwebhooks", "1.0.1", "crates.io", "Rust"),
):
    signature = Path(f"{out}.out").read_text().splitlines()[0]
    head = {"webhook-id": env["WHID"], "webhook-timestamp": env["WHAT"], "webhook-signature": signature}
    add("aihuishou/webhook", package, version, registry, language, env["WHSEC"], env["WHBODY"], head)
for out, package, version in (("bytedance", "bytedance", "1.0.0"), ("pay", "bytedance-douyinpay", "1.1.0")):
    push = json.loads(Path(f"{out}.out").read_text())
    add("douyin/trade", package, version, "PyPI", "Python", push["secret"], push["body"], push["headers"])
head = {"X-Douyin-Signature": env["DYSIGN"]}
add("douyin/webhook", "bytedance", "1.0.0", "PyPI", "Python", env["DYSEC"], env["DYBODY"], head, "checked")
head = dict(line.split(": ", 1) for line in Path("rust.out").read_text().splitlines()[1:])
add("bilibili/calls", "bililivex", "0.1.0", "crates.io", "Rust", env["BILI_SECRET"], env["BILI_BODY"], head)
Path(sys.argv[1]).write_text(json.dumps(vectors, ensure_ascii=False, indent=1) + "\n")
EOF
echo "wrote $target"
