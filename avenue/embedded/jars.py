"""Kafka's jars from Maven, exactly those of the committed lock file, each checked by its SHA-256.

`python -m avenue.embedded.jars` resolves `kafka.toml` again and writes the lock file.
"""

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from runtime.errors import ConfigurationError, first_line

SPEC = Path(__file__).with_name("kafka.toml")
LOCK = Path(__file__).with_name("kafka.lock.toml")
CONNECT_TIMEOUT_S = 30
ATTEMPTS = 3
# requests' errors are OSErrors; jgo raises RuntimeError for 404.
_FAILURES = (OSError, RuntimeError)

Progress = Callable[[str], None]


def cache_folder() -> Path:
    """Return the folder of downloads that all home folders share (XDG)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "avenue"


def locked_jars(*, progress: Progress, cache: Path | None = None, lock_file: Path = LOCK) -> list[Path]:
    """Return the jars of *lock_file* in class-path order, downloading what is not there yet.

    Every jar's SHA-256 is checked at each call; a jar that differs is downloaded once more, then refused.
    Copies in a Maven repository of this user are used as they are. Raises `ConfigurationError`.
    """
    from jgo.env import LockFile

    cache = cache or cache_folder()
    locked = LockFile.load(lock_file).dependencies
    with _alone(cache):
        context = _context(cache)
        fetcher = _JarFetcher(context, progress, sum(1 for _ in locked))
        return [fetcher.take(item) for item in locked]


class _JarFetcher:
    """Takes jars from the caches or from Maven, and says how far it is."""

    def __init__(self, context: Any, progress: Progress, total: int) -> None:
        self._context = context
        self._progress = progress
        self._total = total
        self._done = 0

    def take(self, item: Any) -> Path:
        self._done += 1
        artifact = (
            self._context.project(item.groupId, item.artifactId)
            .at_version(item.version)
            .artifact(item.classifier or "", item.packaging)
        )
        here = [self._context.repo_cache, *self._context.local_repos]
        for folder in here:
            path: Path = Path(folder) / artifact.component.path_prefix / artifact.filename
            if path.exists() and _sha256(path) == item.sha256:
                return path
        return self._download(artifact, str(item.sha256))

    def _download(self, artifact: Any, sha256: str) -> Path:
        self._progress(f"downloading Kafka {self._done}/{self._total}: {artifact.filename}")
        retrying = Retrying(retry=retry_if_exception_type(_FAILURES), stop=stop_after_attempt(ATTEMPTS), reraise=True)
        try:
            return retrying(self._fetch, artifact, sha256)
        except _FAILURES as error:
            raise ConfigurationError(
                f"{artifact.filename} cannot be had from Maven: {first_line(error)}; check the network or name a "
                "mirror in jgo's configuration file (~/.config/jgo.conf, section [repositories]), or use a cluster of "
                "your own (AVENUE_KAFKA__BOOTSTRAP)"
            ) from error

    def _fetch(self, artifact: Any, sha256: str) -> Path:
        # A download that was cut short, here or earlier, lies at its final place.
        artifact.cached_path.unlink(missing_ok=True)
        path = Path(self._context.resolver.download(artifact))
        if _sha256(path) != sha256:
            path.unlink()
            raise OSError("its SHA-256 is not the locked one")
        return path


def _context(cache: Path) -> Any:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    return MavenContext(
        repo_cache=cache / "maven",
        local_repos=[settings.repo_cache],
        # A mirror comes first: where one is configured the public address is often out of reach.
        remote_repos={**settings.repositories, "central": MAVEN_CENTRAL_URL},
        timeout=CONNECT_TIMEOUT_S,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process at a time download into *cache*."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "maven.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_lock(*, spec_file: Path = SPEC, lock_file: Path = LOCK) -> int:
    """Resolve *spec_file* anew and write *lock_file*; return the number of jars."""
    from jgo.env import EnvironmentSpec, LockFile
    from jgo.env._lockfile import compute_spec_hash
    from jgo.parse import Endpoint

    spec = EnvironmentSpec.load(spec_file)
    context = _context(cache_folder())
    wanted = [
        context.create_dependency(replace(coordinate, scope="compile"))
        for coordinate in Endpoint.parse("+".join(spec.coordinates)).coordinates
    ]
    inputs, transitive = context.resolver.resolve(wanted)
    chosen = [*inputs, *(item for item in transitive if item.scope in {"compile", "runtime"})]
    LockFile.from_resolved_dependencies(
        chosen,
        environment_name=spec.name,
        entrypoints=spec.entrypoints,
        default_entrypoint=spec.default_entrypoint,
        spec_hash=compute_spec_hash(spec_file),
    ).save(lock_file)
    return len(chosen)


if __name__ == "__main__":
    sys.stdout.write(f"{write_lock()} jars locked in {LOCK.name}\n")
