"""What each number of a collector's statistics is called. Those of probe n (of the identity's list) begin with `probe_<n>_`, those
of a kind with `kind_<n>_`, of a one-way class with `one_way_<n>_`; of a reason to reject there is `rejected_<reason>_datagrams`."""

from __future__ import annotations

from dataclasses import fields

from tmon_collector.one_way.counts import OneWayCounts

OWN = ("datagrams", "octets", "heartbeats", "pdus", "rows", "duplicates", "rejected", "refused", "unwritten",
       "acks_sent", "octets_sent", "files_completed", "write_failures", "in_trouble", "journal_octets", "own_rows_lost",
       "probes_alive", "probes_silent", "keys_missing", "thresholds_crossed", "pid", "cpu_ns",
       "progress")  # grows as long as the loop goes round
PROBE = ("state",  # 0: never heard since the start, 1: alive, 2: silent
         "last_heard_ns", "run_ns",  # wall time, ns since 1970-01-01 UTC
         "pdus", "rows",
         "clock_known", "clock_offset_ns", "clock_uncertainty_ns", "clock_steps")
KIND = ("rows", "octets", "files")
ONE_WAY = (*(f.name for f in fields(OneWayCounts)), "waiting")
