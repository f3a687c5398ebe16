"""The one room for what other libraries do not promise: here it is imported, fingerprinted and tried.

    listed     what is used of whom, why, and its fingerprint
    internals  the way to it, and whether it is still the same
    sre        Python's parser of regular expressions
    phones     the ``phonenumbers`` library
    guards     Presidio and ``tldextract``: bounded in time and offline
    probes     do the fast paths find what Presidio's engine finds?

Where a *fast path* (tokenizer, context, phone, prefilter, verifier) is not what it was written for, Presidio's engine
itself reads every text whole: the findings are the same, it takes longer, and a log line, a metric and the events'
``redaction.detectors`` say so. Where a *guard* does not hold (time, network), veilog does not start.

Importing this package, ``listed`` or ``internals`` imports no library.
"""
