"""What a measurement was made on."""

from __future__ import annotations

import platform
from pathlib import Path


def machine() -> str:
    """Processor, kernel, Python and load, in a line."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = [line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")]
    return (f"{model[0] if model else platform.processor()}, {len(model)} CPUs; Linux {platform.release()}; Python "
            f"{platform.python_version()}; load {Path('/proc/loadavg').read_text().split()[0]}")
