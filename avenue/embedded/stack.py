"""The embedded stack from an empty folder to `ready`, and back: home, broker, topics, registry, worker, server."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import avenue
from avenue.embedded.broker import HOST, Broker
from avenue.embedded.children import BrokerChild, RoleChild
from avenue.embedded.home import HomeFolder
from avenue.embedded.jars import cache_folder
from avenue.embedded.ports import PortClaims, choose_port, free_port
from avenue.embedded.process import ChildProcess
from avenue.embedded.stop import StopRequested, StopSignal
from avenue.embedded.supervisor import TICK_S, Say, Supervisor
from avenue.run_file import RunFile, StartFile, remove_run_file, remove_start_file
from runtime.errors import UnavailableError
from runtime.files import explain, full_disk
from runtime.settings import Settings

TELL_EVERY_S = 10.0
MAX_PORT = 65_535
WORKER, SERVER = "worker", "server"

Prepare = Callable[[Settings], str]
"""Makes the cluster usable (topics, epoch, registry) and returns an operator's key."""


def role_commands() -> dict[str, list[str]]:
    """Return the command of each role, run by this interpreter from this installation."""
    start = [sys.executable, "-P", "-m", "avenue"]
    return {WORKER: [*start, "worker"], SERVER: [*start, "serve"]}


@dataclass(frozen=True, slots=True)
class StackDeps:
    """What a stack is made of besides its settings."""

    prepare: Prepare
    say: Say
    announce: Say
    """Takes the one line that says where the stack answers."""
    commands: Mapping[str, list[str]] = field(default_factory=role_commands)


@dataclass(frozen=True, slots=True)
class PortFlags:
    """Which flags asked for a port; a settings' variable may have as well."""

    port_flag: str | None = None
    ops_port_flag: str | None = None


class EmbeddedStack:
    """One stack on one home folder. `run` once, in the main thread."""

    def __init__(self, settings: Settings, deps: StackDeps, ports: PortFlags) -> None:
        self._asked = settings
        self._deps = deps
        self._ports = ports
        self._stop = StopSignal()
        self._home = HomeFolder(settings.home)
        self._claims = PortClaims(cache_folder() / "ports")
        self._supervisor = Supervisor(settings.stack, self._say, obstacle=self._no_room)
        self._children: list[BrokerChild | RoleChild] = []
        self._noted: dict[str, int] = {}
        self._start_file: StartFile | None = StartFile(pid=os.getpid(), said="starting", began_at=datetime.now(UTC))
        """Until it is ready: for `avenue doctor`."""
        self._run_file: RunFile | None = None
        """What is yet to be written: the disk had no room for it."""
        self._told_of_disk = False

    def run(self) -> int:
        """Bring everything up, keep it up until TERM or INT, drain; return the exit code.

        Raises `ConfigurationError` for what a person must mend, `UnavailableError` and `ChildFailedError` where a
        child does not come up or stays down. Whatever happens, no child is left.
        """
        self._home.open()
        with self._stop.installed():
            try:
                self._bring_up()
                self._watch()
            except StopRequested:
                self._say("asked to stop")
            except BaseException:
                # Whatever it was, no child may outlive us; it goes on to whoever called.
                self._supervisor.kill_all()
                raise
            finally:
                self._start_file = None
                remove_run_file(self._home.path)
                remove_start_file(self._home.path)
            killed = self._supervisor.drain(lambda: self._stop.hurry)
        self._claims.release()
        self._home.close()
        if killed:
            self._say(f"ended without draining: {', '.join(killed)}")
        return 1 if killed else 0

    def _say(self, line: str) -> None:
        self._deps.say(line)
        self._starting(said=line)

    def _starting(self, **news: str) -> None:
        """Let `avenue doctor` know how far the start is; nothing depends on it."""
        if self._start_file is not None:
            self._start_file = self._start_file.model_copy(update=news)
            with contextlib.suppress(OSError):
                self._start_file.write(self._home.path)

    def _bring_up(self) -> None:
        for name in self._home.end_orphans():
            self._say(f"ended the {name} that a killed `avenue up` had left")
        settings = self._with_broker(self._with_ports())
        with self._stop.breaking_in():
            self._say("preparing topics and registry")
            operator_key = self._deps.prepare(settings)
        worker_ops_url = self._add_roles(settings)
        self._wait_ready()
        ops_url = _address(settings.http.ops_host, settings.http.ops_port)
        run = RunFile(
            pid=os.getpid(),
            url=_address(settings.http.host, settings.http.port),
            ops_url=ops_url,
            worker_ops_url=worker_ops_url,
            kafka_bootstrap=settings.kafka.bootstrap or "",
            home=self._home.path,
            operator_key=operator_key,
            started_at=datetime.now(UTC),
        )
        self._run_file, self._start_file = run, None
        remove_start_file(self._home.path)
        self._write_down()
        self._deps.announce(f"ready {run.url} ops {run.ops_url}")

    def _with_ports(self) -> Settings:
        http = self._asked.http
        port = self._port(http.port, http.host, self._ports.port_flag or _variable(self._asked, "http", "port"))
        flag = self._ports.ops_port_flag or _variable(self._asked, "http", "ops_port")
        ops_port = self._port(http.ops_port, http.ops_host, flag)
        return self._asked.model_copy(
            update={
                "home": self._home.path,
                "http": http.model_copy(update={"port": port, "ops_port": ops_port}),
            }
        )

    def _port(self, wanted: int, host: str, asked_by: str | None) -> int:
        port = choose_port(wanted, claims=self._claims, host=host, asked_by=asked_by)
        if port != wanted and wanted:
            self._say(f"port {wanted} is taken, using {port}")
        return port

    def _with_broker(self, settings: Settings) -> Settings:
        kafka = settings.kafka
        if kafka.bootstrap:
            self._say(f"using the Kafka cluster at {kafka.bootstrap}")
            return settings
        port = self._port(kafka.port, HOST, _variable(self._asked, "kafka", "port"))
        broker = Broker(self._home.path / "kafka", port=port, heap_mb=kafka.heap_mb)
        with self._stop.breaking_in():
            broker.prepare(self._say)
        self._starting(kafka_bootstrap=broker.bootstrap)
        self._say(f"starting Kafka on {broker.bootstrap}")
        self._add(BrokerChild(broker))
        self._wait_ready()
        return settings.model_copy(update={"kafka": kafka.model_copy(update={"bootstrap": broker.bootstrap})})

    def _add_roles(self, settings: Settings) -> str:
        worker_port = self._worker_ops_port(settings.http.ops_port)
        worker_url = _address("127.0.0.1", worker_port)
        environ = _environ(settings)
        ops_url = _address(settings.http.ops_host, settings.http.ops_port)
        self._starting(worker_ops_url=worker_url, ops_url=ops_url)
        self._say("starting the worker and the server")
        own = {
            "AVENUE_HTTP__OPS_PORT": str(worker_port),
            "AVENUE_HTTP__OPS_HOST": "127.0.0.1",
            # The only worker: started again after a crash, it has its partitions back at once.
            "AVENUE_WORKER__INSTANCE_ID": self._asked.worker.instance_id or "embedded",
        }
        self._add(self._role(WORKER, environ | own, worker_url))
        self._add(self._role(SERVER, environ, ops_url))
        return worker_url

    def _worker_ops_port(self, server_port: int) -> int:
        """Return the number behind the server's, so that a Prometheus finds both at the next start as well."""
        if self._asked.http.ops_port == 0 or server_port == MAX_PORT:
            return free_port()
        return self._port(server_port + 1, HOST, None)

    def _role(self, name: str, environ: Mapping[str, str], ops_url: str) -> RoleChild:
        child = ChildProcess(name, self._deps.commands[name], log=self._home.log(name))
        return RoleChild(child, environ=environ, ops_url=ops_url, log_mb=self._asked.stack.log_mb)

    def _add(self, child: BrokerChild | RoleChild) -> None:
        self._children.append(child)
        self._supervisor.add(child)
        self._write_down()

    def _wait_ready(self) -> None:
        """Tick until all children are ready: a loop of its own, as a signal ends it and ticks heal meanwhile."""
        began = told_at = time.monotonic()
        noted = ""
        while not self._supervisor.all_ready:
            self._stop.check()
            self._tick()
            now = time.monotonic()
            waiting = ", ".join(self._supervisor.waiting_for())
            if now - began > self._asked.stack.ready_s:
                raise UnavailableError(f"not ready after {now - began:.0f} s: {self._no_room() or waiting}")
            if now - told_at > TELL_EVERY_S:
                told_at = now
                self._say(f"waiting for {waiting}")
            elif waiting != noted:
                noted = waiting
                self._starting(said=f"waiting for {waiting}")

    def _watch(self) -> None:
        while not self._stop.asked:
            self._tick()

    def _tick(self) -> None:
        time.sleep(TICK_S)
        self._supervisor.tick()
        self._write_down()

    def _write_down(self) -> None:
        """Write what the home folder is to hold; a disk without room is told once and tried again at the next tick."""
        try:
            self._note_children()
            if self._run_file is not None:
                self._run_file.write()
                self._run_file = None
        except OSError as error:
            if not self._told_of_disk:
                self._say(
                    f"the home folder takes nothing ({explain(error)}); what runs goes on, and is noted there later"
                )
            self._told_of_disk = True
        else:
            self._told_of_disk = False

    def _note_children(self) -> None:
        pids = {child.name: child.pid for child in self._children if child.pid is not None}
        if pids != self._noted:
            self._home.note_children(pids)
            self._noted = pids

    def _no_room(self) -> str | None:
        return full_disk(self._home.disks(), least_mb=self._asked.stack.least_free_mb)


def _variable(settings: Settings, group: str, name: str) -> str | None:
    """Return the setting's name where a person has set it, None where its default stands."""
    is_set = group in settings.model_fields_set and name in getattr(settings, group).model_fields_set
    return f"AVENUE_{group}__{name}".upper() if is_set else None


def _address(host: str, port: int) -> str:
    """Return the address by which this machine reaches what listens on *host*."""
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{f'[{here}]' if ':' in here and not here.startswith('[') else here}:{port}"


def _environ(settings: Settings) -> dict[str, str]:
    """Return the environment of a role: ours, with what was decided here."""
    root = str(Path(avenue.__file__).parents[1])
    python_path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return dict(os.environ) | {
        "PYTHONPATH": python_path,
        "AVENUE_HOME": str(settings.home),
        "AVENUE_KAFKA__BOOTSTRAP": settings.kafka.bootstrap or "",
        "AVENUE_HTTP__PORT": str(settings.http.port),
        "AVENUE_HTTP__OPS_PORT": str(settings.http.ops_port),
    }
