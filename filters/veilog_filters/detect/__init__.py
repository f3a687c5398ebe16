"""Detection: texts in, findings (spans, never text) out."""
