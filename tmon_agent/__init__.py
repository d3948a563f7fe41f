"""The agent of a probe or collector: tells others how it is (SNMP, Prometheus), and managers what happened."""
