#!/usr/bin/env bash
# A tombstone removes nothing from a compacted topic that gets no further record: `segment.ms` and
# `max.compaction.lag.ms` roll a segment when a record is appended, not when their time is over, and the active segment
# is never compacted. One second for each of them, and the value that was to go is read a minute later; a record under
# any other key then makes it go within seconds.
set -euo pipefail
. "$(dirname "$0")/broker.bash"
packages kafka-python==3.0.12
BROKER_SETTINGS=$'log.cleaner.backoff.ms=500\nlog.cleaner.dedupe.buffer.size=16777216\nlog.cleaner.threads=1'
broker
cat >"$work/expected" <<'EOF'
kafka-python 3.0.12, Kafka 4.4.0
60 s after the tombstone: ['secret', None]
after one more record: value gone True
EOF
"$python" - "$bootstrap" <<'EOF' | tee "$work/seen"
import sys
import time
from importlib.metadata import version

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
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
second = {name: "1000" for name in ("segment.ms", "max.compaction.lag.ms", "delete.retention.ms")}
settings = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", **second}
admin.create_topics([NewTopic("keys", 1, 1, topic_configs=settings)])
print(f"kafka-python {version('kafka-python')}, Kafka 4.4.0")
producer = KafkaProducer(bootstrap_servers=sys.argv[1])


def values(key: bytes) -> list[str | None]:
    """Return every value of *key* that can still be read."""
    consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest", enable_auto_commit=False)
    place = TopicPartition("keys", 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    end, found = consumer.end_offsets([place])[place], []
    while consumer.position(place) < end:
        for records in consumer.poll(1000).values():
            found += [record.value and record.value.decode() for record in records if record.key == key]
    consumer.close()
    return found


producer.send("keys", key=b"a person", value=b"secret").get(20)
producer.send("keys", key=b"a person", value=None).get(20)
time.sleep(60)
print("60 s after the tombstone:", values(b"a person"))
producer.send("keys", key=b"somebody else", value=b"-").get(20)
deadline = time.monotonic() + 120
while "secret" in values(b"a person") and time.monotonic() < deadline:
    time.sleep(1)
print("after one more record: value gone", "secret" not in values(b"a person"))
EOF
diff "$work/expected" "$work/seen" || { echo "this is no longer so" >&2; exit 1; }
