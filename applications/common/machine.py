"""What a figure was measured on."""

import datetime
import os
import platform
from pathlib import Path


def measured(versions: str) -> str:
    """Returns date and machine, and after them what else there is to say."""
    today = datetime.date.today().isoformat()
    return f"{today}, {processor()}, {os.cpu_count()} cores; {versions}"


def processor() -> str:
    """Returns the name of the processor, where the system tells it."""
    processors = Path("/proc/cpuinfo")
    if processors.exists():
        for line in processors.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
