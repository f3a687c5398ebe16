"""Assistants and their compliance and audit APIs."""
