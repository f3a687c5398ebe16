"""Parsers: raw records of AI services, clouds and shippers to one typed audit event.

Follow a record: ``record.raw.RawRecord`` -> ``record.envelopes`` -> ``registry`` -> one module of ``sources``, which
reads providers' bodies with ``bodies`` -> ``event.AuditEvent``. This package imports no detector and opens no
connection.
"""
