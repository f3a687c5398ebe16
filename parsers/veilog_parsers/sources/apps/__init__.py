"""Logs and exports of chat applications and workflow tools that people host themselves."""
