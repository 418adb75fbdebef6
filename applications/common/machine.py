"""Describes the machine of a measurement."""

import datetime
import os
import platform
from pathlib import Path


def measured(versions: str) -> str:
    """Returns the date, the machine and the given versions."""
    today = datetime.date.today().isoformat()
    return f"{today}, {processor()}, {os.cpu_count()} cores; {versions}"


def processor() -> str:
    """Returns the name of the processor, if the system reports it."""
    processors = Path("/proc/cpuinfo")
    if processors.exists():
        for line in processors.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
