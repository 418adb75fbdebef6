"""What a figure was measured on."""

import platform
from pathlib import Path


def processor() -> str:
    """Returns the name of the processor, where the system tells it."""
    processors = Path("/proc/cpuinfo")
    if processors.exists():
        for line in processors.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
