"""Thresholds, online: rows that were just written are added up by class and interval, and compared (docs/thresholds.md).

flow_map    class of each flow                        reading     columns of a kind that metrics need
watch       one threshold and its series              crossing    hysteresis; baseline: what is usual
progress    how far the time of each probe has come   engine      all of these together; no I/O
flow_file, state_file   what a restart needs          online      the edge: files and clock
"""
