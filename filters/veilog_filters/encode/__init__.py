"""Encoders: one module per schema, each from a native event, which holds what may leave, to what is written."""
