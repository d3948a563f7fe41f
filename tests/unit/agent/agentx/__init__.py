"""The sub-agent: its PDUs, its session."""
