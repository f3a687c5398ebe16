"""Phone numbers as Presidio's recognizer finds them."""
