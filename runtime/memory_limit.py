"""What memory a process may take, so that somebody is told before the kernel ends it."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def memory_limit_bytes(cgroup: Path = CGROUP) -> int:
    """Return the container's limit (cgroup version 2, then 1), at most the machine's memory, in bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (cgroup / name).read_text().strip()
        except OSError:
            continue
        # "max", and in version 1 a number beyond any memory, are no limit.
        return min(int(text), machine) if text.isdigit() else machine
    return machine
