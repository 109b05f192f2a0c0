"""veraPDF, which says whether a PDF keeps to PDF/A and PDF/UA; from Maven as the embedded broker is.

`python -m tests.support.verapdf` resolves `verapdf.toml` again and writes its lock file.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from avenue.embedded.broker import java
from avenue.embedded.jars import Progress, locked_jars, write_lock
from tests.support.paths import DATA

SPEC = DATA / "verapdf" / "verapdf.toml"
LOCK = DATA / "verapdf" / "verapdf.lock.toml"
ENTRYPOINT = "org.verapdf.apps.GreenfieldCliWrapper"
AS_CLAIMED = "0"
"""Every flavour that a file's metadata name."""
TIMEOUT_S = 240


def verapdf_jars(progress: Progress) -> list[Path]:
    """Return the locked jars. Raises `ConfigurationError` where one cannot be had."""
    return locked_jars(progress=progress, lock_file=LOCK)


def broken_rules(jars: Sequence[Path], files: Sequence[Path]) -> Mapping[str, Mapping[str, list[str]]]:
    """Return by name of each of *files* the profiles that its metadata claim, and of each the rules that it breaks.

    Raises `AssertionError` where veraPDF says nothing of a file.
    """
    path = ":".join(str(jar) for jar in jars)
    done = subprocess.run(
        # Two cores are shared with whatever else runs: a bounded heap, and the quickest start.
        [
            *(str(java()), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", path, ENTRYPOINT),
            *("--flavour", AS_CLAIMED, "--format", "json", *map(str, files)),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    try:
        report: Any = msgspec.json.decode(done.stdout)
    except msgspec.DecodeError as error:
        raise AssertionError(f"veraPDF said nothing: {done.stderr[-2000:]}") from error
    found = {Path(job["itemDetails"]["name"]).name: _broken(job) for job in report["report"]["jobs"]}
    assert found.keys() == {file.name for file in files}, done.stderr[-2000:]
    return found


def _broken(job: Mapping[str, Any]) -> dict[str, list[str]]:
    assert "validationResult" in job, job.get("taskException")
    return {
        result["profileName"].removesuffix(" validation profile"): [
            f"{rule['clause']}: {rule['description']}" for rule in result["details"]["ruleSummaries"]
        ]
        for result in job["validationResult"]
    }


if __name__ == "__main__":
    sys.stdout.write(f"{write_lock(spec_file=SPEC, lock_file=LOCK)} jars locked in {LOCK.name}\n")
