"""What a probe tells of the packets of one-way classes."""
