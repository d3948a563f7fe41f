"""The agent speaks SNMP by itself, from the tables of `managed`: version 2c (RFC 3416) and version 3 (RFC 3412, 3414)."""
