"""Notifications: what a manager is told, and what is remembered of it."""
