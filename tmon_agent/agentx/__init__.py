"""A sub-agent of the host's SNMP agent (RFC 2741): rows of this program, answered through its master, such as snmpd.

`encoding` and `pdu` are the protocol's octets, `answers` what a request gets, `session` the state machine; `client` has the socket.
"""
