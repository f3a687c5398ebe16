"""Parsers: raw AI-service, CloudTrail and Azure Monitor records to one typed audit event.

Follow a record: ``record.RawRecord`` -> ``envelopes`` -> ``registry`` -> one source module -> ``event.AuditEvent``.
This package imports no detector and opens no connection.
"""
