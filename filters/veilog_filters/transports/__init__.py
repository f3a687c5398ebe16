"""Transports: the only I/O there is."""
