"""What can be asked of a program, declared once: the MIB, SNMP, AgentX and Prometheus all speak of these tables."""
