"""Measurements of trafMon beside other programs: tables, never tests."""
