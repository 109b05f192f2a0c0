"""What a result is stamped with: the machine it was measured on, no names or paths of it; and how runs are told."""

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return processor, cores and Python; `text` says them in a line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu, cores, python = (names or [platform.machine()])[0], os.cpu_count(), platform.python_version()
    return {"cpu": cpu, "cores": cores, "python": python, "text": f"{cpu}, {cores} cores, Python {python}"}


def min_and_median(values: Sequence[float]) -> dict[str, float]:
    """Return what is told of the runs of one figure: the best is the least disturbed, the median the usual."""
    return {"min": round(min(values), 2), "median": round(statistics.median(values), 2)}
