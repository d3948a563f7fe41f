"""The loader as a module, for packages installed elsewhere: python -m tests.pipeline.load SPOOL DATABASE."""

import sys
from pathlib import Path

from tmon_store.command import Options, run

if __name__ == "__main__":
    sys.exit(run(Options(Path("none"), Path(sys.argv[1]), Path(sys.argv[2]))))
