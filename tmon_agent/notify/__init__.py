"""Managers are told of events: by traps and informs of SNMP, and through the master agent.

`outlet` decides what is told when, `notification` says it in SNMP's words, `progress` remembers it over restarts of the agent;
`sender` has the socket.
"""
