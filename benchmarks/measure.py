"""Run a command and measure it with all its processes: seconds, CPU seconds, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROC = Path("/proc")
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """What a program cost and what it wrote."""

    seconds: float
    cpu_seconds: float
    """User and system time of the process and of the children it waited for."""
    peak_bytes: int
    """Most resident memory of the whole process tree (sampled; of the largest process: exact)."""
    result: dict[str, Any]


def measure(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], result: Path, log: Path
) -> Measured:
    """Run `command` in `folder`; RuntimeError with the end of its log unless it ends well."""
    start, peak = time.monotonic(), 0
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
    ended, status, usage = 0, 0, None
    while not ended:
        peak = max(peak, _resident(process.pid))
        time.sleep(SAMPLE_SECONDS)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or usage is None:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
        raise RuntimeError(f"{' '.join(command)} failed:\n{end}")
    return Measured(
        seconds,
        usage.ru_utime + usage.ru_stime,
        max(peak, usage.ru_maxrss * 1024),
        json.loads(result.read_text(encoding="utf-8")),
    )


def _resident(pid: int) -> int:
    """Return the resident bytes of a process and its descendants; 0 where there is no /proc."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(child)) for child in children)
