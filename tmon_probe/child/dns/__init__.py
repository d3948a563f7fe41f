"""DNS messages read in full, and queries that wait for their response."""
