"""Fragments put together to datagrams."""
