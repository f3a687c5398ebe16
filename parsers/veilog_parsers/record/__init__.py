"""What takes a raw record apart: envelopes, decoding, times, addresses, and the fields of an object."""
