"""``veilog prove``: the tests that a configuration must pass, run on the host that it is for.

    samples, bodies     what records look like            spellings   sentences, how to write them, how to read them
    prose               the prose oracle                  faults      every reason for quarantine, provoked
    offline             the network, denied               proof       all checks in turn, and what they found
    page                the signed summary

The project's own tests are made of the same parts. Nothing of the pipeline imports any of it.
"""
