"""What is known about each address that was seen: where it belongs, where it is, its name (seed sections 1.13, 5.1, 5.3)."""
