"""Coding agents: their events, transcripts and hooks."""
