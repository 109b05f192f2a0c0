"""The house: sizes, links, what the README says, what must not be in the repository."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from tests.support.paths import ROOT

PACKAGES = ("schemas", "runtime", "registry", "producers", "streams", "sinks", "reports", "avenue")
MAX_FUNCTION_LINES = 50
MAX_MODULE_LINES = 500
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_and_modules_stay_small() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{name} {lines}"
        for path in modules()
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    too_large = [
        f"{path.relative_to(ROOT)} {len(path.read_text().splitlines())}"
        for path in modules()
        if len(path.read_text().splitlines()) > MAX_MODULE_LINES
    ]
    assert len(modules()) > 100
    assert too_long + too_large == []


def test_every_module_says_what_it_is_for() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in modules()} == set(PACKAGES)
    silent = [str(path.relative_to(ROOT)) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_links_lead_somewhere() -> None:
    links = [
        (document.relative_to(ROOT), document.parent / target)
        for document in tracked("*.md")
        for target, _ in MARKDOWN_LINK.findall(document.read_text())
        if "://" not in target and not target.startswith("mailto:")
    ]
    assert len(links) > 50
    assert [(str(document), str(target)) for document, target in links if not target.exists()] == []


def test_the_life_of_an_event_names_functions_that_are_there() -> None:
    text = (ROOT / "docs/life-of-an-event.md").read_text()
    named = re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)", text)
    assert len(named) >= 10
    for name, path in named:
        assert re.search(
            rf"\b(def|class) {name.split('.')[-1]}\b|^{name}(: .*)? = ", (ROOT / path).read_text(), re.MULTILINE
        ), (name, path)


def test_readme_s_two_commands_are_targets_of_the_makefile() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    locks = list((ROOT / "requirements").glob("*.txt"))
    assert {"runtime.txt", "dev.txt", "uv.txt", "bench.txt"} <= {path.name for path in locks}
    for path in locks:
        text = path.read_text()
        pinned = re.findall(r"^[\w.\-\[\]]+==\S+", text, re.MULTILINE)
        assert pinned
        assert "://" not in text
        assert not re.search(r"^ *#.* -c /", text, re.MULTILINE), f"{path.name} names a file of a machine"
        assert text.count("--hash=sha256:") >= len(pinned)
    for path in tracked("*package-lock.json", "*.lock.toml", ".npmrc", "*/.npmrc"):
        assert not re.search(
            r'"resolved"\s*:|https?://(?!json-schema)', re.sub(r'"(url|funding)"[^\n]*', "", path.read_text())
        ), path


def test_no_two_packages_bring_the_same_module() -> None:
    # Which of the two stands is up to the order in which they are unpacked, and differs between machines.
    owners: dict[str, set[str]] = {}
    for package in distributions():
        for file in package.files or ():
            if file.suffix in {".py", ".pyi", ".so"}:
                owners.setdefault(str(file), set()).add(package.metadata["Name"])
    assert len(owners) > 1000
    assert {file: names for file, names in owners.items() if len(names) > 1} == {}


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    pattern = re.compile(r"(?<![\w.])/(root|home/\w+|work)/(?!app)")
    suspects = [
        p for p in tracked() if p.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ".ts", ".sql", ""}
    ]
    assert len(suspects) > 300
    found = [
        str(p.relative_to(ROOT))
        for p in suspects
        if p != Path(__file__) and pattern.search(p.read_text(errors="ignore"))
    ]
    assert found == []


def test_pyproject_and_makefile_agree_on_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
    assert tuple(project["tool"]["importlinter"]["root_packages"]) == PACKAGES
    assert f"CODE := {' '.join(PACKAGES)}" in (ROOT / "Makefile").read_text()


def test_broad_excepts_say_what_happens_next() -> None:
    broad, bare = 0, []
    for path in modules():
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r"except (Exception|BaseException)\b", line):
                broad += 1
                if not any("#" in near for near in lines[number : number + 3]):
                    bare.append(f"{path.relative_to(ROOT)}:{number + 1}")
    assert broad > 5
    assert bare == []


def test_the_index_of_documents_leads_to_every_page() -> None:
    docs = ROOT / "docs"
    pages = [path for path in tracked("docs/*.md") if path.parent in {docs, docs / "partners"}]
    index = docs / "README.md"
    linked = {(docs / target).resolve() for target, _ in MARKDOWN_LINK.findall(index.read_text())}
    assert len(pages) > 10
    assert [str(path.relative_to(ROOT)) for path in pages if path != index and path.resolve() not in linked] == []


def test_one_place_puts_the_http_application_together() -> None:
    makers = {
        str(path.relative_to(ROOT))
        for path in tracked("*.py")
        if path != Path(__file__) and re.search(r"\bLitestar\(", path.read_text())
    }
    # A test that builds an application of its own shows what nobody serves.
    assert makers == {"avenue/serve/application.py", "avenue/serve/openapi.py"}
