"""Breaks the code in one place at a time and looks whether a quick test notices: `make mutants`.

mutmut works in a copy of the tree, `.mutants/GROUP`, with the tests that stand for the group's modules alone.
What no test noticed is written to `.mutants/survivors.txt`; each is a test that is missing, or a change that changes
nothing. A run goes on where the last one stopped, unless `--anew`.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

WORK = ROOT / ".mutants"
SOURCES = ("schemas", "runtime", "registry", "producers", "streams", "sinks", "reports", "avenue")
# One process for all of them: mutmut's own command takes seconds a mutant.
SHOW = (
    "import sys; from mutmut.mutation.diff_apply import get_diff_for_mutant as d; [print(d(n)) for n in sys.argv[1:]]"
)
ENDING_S = 20
"""So long mutmut may take to write down what it found, once it was asked to end."""


@dataclass(frozen=True)
class Group:
    """Modules, and the tests that have to notice what is broken in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


def tests_in(pattern: str) -> tuple[str, ...]:
    """Return the files of that pattern, as the tree has them now."""
    return tuple(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(pattern)))


GROUPS = {
    "steps": Group(("streams/steps.py",), ("tests/unit/streams",)),
    "metrics": Group(("reports/metrics.py",), ("tests/unit/reports",)),
    "intake": Group(
        ("producers/validation/*", "producers/consent/*", "producers/parsing/body.py"),
        # Without those of the fast path: they ask the exact one for each example, and notice little of it.
        (*tests_in("tests/unit/producers/validation/test_[!f]*.py"), "tests/unit/producers/parsing", *tests_in("tests/unit/producers/*.py")),
    ),
    "fast_path": Group(
        ("producers/validation/fast_path.py", "producers/validation/placement_cache.py", "producers/validation/pseudonym_cache.py"),
        ("tests/unit/producers/validation/test_fast_path.py",),
    ),
    "settlement": Group(
        ("sinks/settlement/*",),
        (
            "tests/unit/sinks/settlement/test_settlement_rules.py",
            "tests/unit/sinks/test_settlement_thread.py",
            "tests/model/test_settlement_edge.py",
        ),
    ),
    "adapters": Group(
        ("producers/adapters/*",),
        ("tests/unit/producers/adapters", "tests/contract/test_adapters.py"),
    ),
    "gateway": Group(
        ("producers/gateway/*", "producers/publisher.py"),
        ("tests/unit/producers", "tests/property", "tests/model"),
    ),
}  # fmt: skip


def main() -> None:
    """Try the groups asked for, or all of them, until the time is over; write the survivors and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all if none is named")
    parser.add_argument("--minutes", type=float, default=60, help="for all groups together (default 60)")
    parser.add_argument("--only", default="*", help="mutants of this name, such as 'producers.validation.placement.*'")
    parser.add_argument("--anew", action="store_true", help="forget what earlier runs found")
    asked = parser.parse_args()
    if unknown := set(asked.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    names = asked.groups or list(GROUPS)
    ends_at = time.monotonic() + asked.minutes * 60
    for name in names:
        if (left_s := ends_at - time.monotonic()) > 0:
            try_group(name, left_s, only=asked.only, anew=asked.anew)
    report([name for name in names if (WORK / name).exists()])


def try_group(name: str, left_s: float, *, only: str, anew: bool) -> None:
    """Run mutmut over a group for at most *left_s*."""
    folder = WORK / name
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    copy_tree(folder)
    (folder / "setup.cfg").write_text(configuration(GROUPS[name]))
    with (folder / "mutmut.log").open("ab") as log:
        run = subprocess.Popen([mutmut(), "run", "--max-children", "1", only], cwd=folder, stdout=log, stderr=log)
        try:
            run.wait(left_s)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)
            run.wait(ENDING_S)
        finally:
            run.kill()
    if run.returncode and not found_in(name):
        sys.exit(f"mutmut could not begin; {folder / 'mutmut.log'} says why")


def copy_tree(folder: Path) -> None:
    """Bring the tree's files as they are now into *folder*; what mutmut found there stays."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, folder / name
        if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def configuration(group: Group) -> str:
    """Return mutmut's settings for *group*."""
    settings = {
        "source_paths": SOURCES,
        "only_mutate": group.modules,
        "also_copy": ("docs", "ops", "bench", "README.md", "docker-compose.yml"),
        "pytest_add_cli_args": ("-p", "no:cacheprovider", "-p", "no:xdist"),
        "pytest_add_cli_args_test_selection": group.tests,
        "timeout_multiplier": (10,),
        "timeout_constant": (5,),
        "track_dependencies": ("false",),
    }
    return "[mutmut]\n" + "".join(f"{name} =\n{lines(values)}" for name, values in settings.items())


def lines(values: Iterable[object]) -> str:
    """Return a list as setup.cfg has it."""
    return "".join(f"    {value}\n" for value in values)


def mutmut() -> str:
    """Return the command that stands beside this Python."""
    return str(Path(sys.executable).with_name("mutmut"))


def asked_of(name: str, *words: str) -> str:
    """Return what mutmut answers in the folder of the group *name*."""
    done = subprocess.run([mutmut(), *words], cwd=WORK / name, capture_output=True, text=True, check=False)
    return done.stdout


def found_in(name: str) -> dict[str, str]:
    """Return what became of each mutant of a group."""
    pairs = (line.strip().rsplit(": ", 1) for line in asked_of(name, "results", "--all", "true").splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def report(names: list[str]) -> None:
    """Print what was tried and what came of it, by module, and write the survivors."""
    by_module: dict[str, Counter[str]] = {}
    with (WORK / "survivors.txt").open("w") as file:
        for name in names:
            found = found_in(name)
            for mutant, fate in found.items():
                by_module.setdefault(mutant.rsplit(".", 1)[0], Counter())[fate] += 1
            survived = [mutant for mutant, fate in found.items() if fate == "survived"]
            show = [sys.executable, "-c", SHOW, *survived]
            file.write(subprocess.run(show, cwd=WORK / name, capture_output=True, text=True, check=False).stdout)
    sys.stdout.write(table(by_module))


def table(by_module: dict[str, Counter[str]]) -> str:
    """Return a line for each module and one for all of them."""
    rows = [*by_module.items(), ("all", sum(by_module.values(), Counter()))]
    head = f"{'module':44}{'tried':>7}{'killed':>8}{'survived':>10}{'timeout':>9}{'no test':>9}{'left':>7}\n"
    body = ""
    for module, fates in rows:
        left = fates["not checked"]
        counts = (fates.total() - left, fates["killed"], fates["survived"], fates["timeout"], fates["no tests"], left)
        body += f"{module:44}" + "".join(f"{n:>{w}}" for n, w in zip(counts, (7, 8, 10, 9, 9, 7), strict=True)) + "\n"
    return head + body


if __name__ == "__main__":
    main()
