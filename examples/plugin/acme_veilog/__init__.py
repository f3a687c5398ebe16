"""Acme's plugin of veilog."""
