"""Data and AI platforms: audit logs, payload tables and usage views."""
