"""What probe, collector and store must agree on: configuration, observation kinds, PDUs, compiled helpers."""
