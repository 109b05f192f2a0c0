#!/usr/bin/env bash
# One record whose time stamp the broker refuses (Kafka's default bound: an hour ahead) ends kafka-python's default
# producer for every topic: it is idempotent, and what is sent afterwards with a sound stamp fails, other topics' too.
set -euo pipefail
. "$(dirname "$0")/broker.bash"
packages kafka-python==3.0.12
broker
cat >"$work/expected" <<'EOF'
kafka-python 3.0.12, Kafka 4.4.0
idempotent: orders sound=stored, orders two hours ahead=InvalidTimestampError, payments sound=InvalidTimestampError, orders sound=InvalidTimestampError
not idempotent: orders sound=stored, orders two hours ahead=InvalidTimestampError, payments sound=stored, orders sound=stored
EOF
"$python" - "$bootstrap" <<'EOF' | tee "$work/seen"
import sys
import time
from importlib.metadata import version

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

deadline = time.monotonic() + 90
while True:
    try:
        admin = KafkaAdminClient(bootstrap_servers=sys.argv[1])
        break
    except KafkaError:
        assert time.monotonic() < deadline
        time.sleep(0.5)
admin.create_topics([NewTopic(name, 1, 1) for name in ("orders", "payments")])
print(f"kafka-python {version('kafka-python')}, Kafka 4.4.0")


def sent(producer: KafkaProducer, topic: str, hours_ahead: int) -> str:
    """Return what became of a record of *topic*."""
    stamp = int((time.time() + hours_ahead * 3600) * 1000)
    try:
        producer.send(topic, b"{}", timestamp_ms=stamp).get(20)
    except KafkaError as error:
        return type(error).__name__
    return "stored"


for name, idempotent in (("idempotent", True), ("not idempotent", False)):
    producer = KafkaProducer(bootstrap_servers=sys.argv[1], enable_idempotence=idempotent)
    steps = (("orders", 0, "sound"), ("orders", 2, "two hours ahead"), ("payments", 0, "sound"), ("orders", 0, "sound"))
    print(f"{name}:", ", ".join(f"{topic} {word}={sent(producer, topic, hours)}" for topic, hours, word in steps))
    producer.close(timeout=2)
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
