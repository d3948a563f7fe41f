"""A process that switches offloads off and lives on, as a probe does. A command a line; the answer to each is a line of JSON."""

import json
import os
import sys
import time
from pathlib import Path

from tmon_common.config.model import Interface
from tmon_probe.father.capture.offload import longest_frame, switch_off, told_on

NOBODY = 65534


def main() -> None:
    directory, *devices = sys.argv[1:]
    told = {device: [list(told_on(device)), longest_frame(device)] for device in devices}
    offloads = switch_off((Interface(f"i{n}", d, offloads="off") for n, d in enumerate(devices)), Path(directory))
    answer(told=told, switched_off=offloads.switched_off, warnings=offloads.warnings)
    for line in sys.stdin:
        command, *arguments = line.split()
        offloads.warnings.clear()
        if command == "off":
            offloads.switch_off(*arguments)
            answer(switched_off=offloads.switched_off, warnings=offloads.warnings)
        elif command == "unprivileged":
            os.setresuid(NOBODY, NOBODY, NOBODY)
            answer()
        elif command == "fork":
            father = os.getpid()
            if os.fork() == 0:
                while os.getppid() == father:
                    time.sleep(0.01)
                offloads.restore()
                os._exit(0)
            answer()
        elif command == "restore":
            given = offloads.restore()
            answer(restored=offloads.restored, warnings=given)


def answer(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
