"""Make the key files of probes, and exchange keys.

Without further options: a key for every probe of the configuration that has none yet. A key file is needed at the probe and at each
of its collectors: copy it on a safe way (scp), its owner is the user that runs the programs.

To exchange the key of a probe without a gap:
  1. trafmon keygen -c FILE --rotate PROBE    adds a new key; copy the file to the collectors
  2. copy the file to the probe               from now on it seals with the new key, collectors take both
  3. trafmon keygen -c FILE --retire PROBE    drops the old key; copy the file to all
Programs notice a changed file within seconds.

Exit status: 0 done; 2 a file cannot be read or written, or there is nothing to do it with.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE",
                        help="configuration (default /etc/trafMon/xml/tmon.xml)")
    parser.add_argument("-l", dest="local", action="store_true", help="configuration in ./tmon.xml")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--rotate", action="store_true", help="add a new key beside the one in use")
    way.add_argument("--retire", action="store_true", help="drop all keys but the newest")
    parser.add_argument("probes", nargs="*", metavar="PROBE", help="of which probes (default: all; not for --rotate and --retire)")


def run(options: argparse.Namespace) -> int:
    from tmon_common.config.locate import locate
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read
    from tmon_common.pdu.key_file import KeyFileError

    try:
        configuration = read(locate(options.local, options.configuration).current)
        declared = {p.name: p for p in configuration.probes}
        if unknown := [n for n in options.probes if n not in declared]:
            raise KeyFileError(f'{configuration.path}: there is no probe "{unknown[0]}"; expected one of: {", ".join(declared)}')
        if (options.rotate or options.retire) and not options.probes:
            raise KeyFileError("name the probes whose keys are meant")
        for name in options.probes or declared:
            probe = declared[name]
            if probe.seal == "crc":
                print(f'{name}: needs no key (seal="crc")')
                continue
            print(f"{name}: {_do(probe.key, rotate=options.rotate, retire=options.retire)}")
    except (ConfigurationError, KeyFileError) as error:
        print(f"trafmon keygen: {error}" if isinstance(error, KeyFileError) else error, file=sys.stderr)
        return 2
    return 0


def _do(path: Path, *, rotate: bool, retire: bool) -> str:
    from tmon_common.pdu.key_file import KeyFileError, read_keys, write_keys
    from tmon_common.pdu.keys import MAX_KEYS, new_key

    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not rotate and not retire:
        if _there(path):
            return f"{path} is there already, with {_counted(read_keys(path))}"
        write_keys(path, (new_key(made),))
        return f"{path} made"
    keys = read_keys(path)
    if retire:
        write_keys(path, keys[-1:])
        return f"{path} holds one key now, of {keys[-1].made or 'unknown date'}"
    if len(keys) == MAX_KEYS:
        raise KeyFileError(f"key file {path}: holds {MAX_KEYS} keys already; once the probe uses the new one, --retire the other")
    added = new_key(made)
    while added.id == keys[0].id:
        added = new_key(made)
    write_keys(path, (*keys, added))
    return f"{path} holds a new key beside the old one"


def _there(path: Path) -> bool:
    """Also where this user may not look: reading it says why."""
    try:
        return path.exists()
    except OSError:
        return True


def _counted(keys: tuple) -> str:
    return "one key" if len(keys) == 1 else f"{len(keys)} keys"
