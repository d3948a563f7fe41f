"""Slow, obvious twins of compiled code, for tests to compare with."""
