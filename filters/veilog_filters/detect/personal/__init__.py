"""Personal data that Presidio's patterns do not find: names by their surroundings, addresses, ages, dates in words.

    detector     what a detector of the pack is: an entity type, forms, a check, proofs
    addresses    postal addresses of nine countries, post codes, places that people say they live in
    names        people's names behind a title or a phrase that announces one
    dates        dates in words, birth dates, ages
    numbers      phone and card numbers that Presidio passes, expiry dates, security codes
    gazetteer    lists of names and places, off by default
    pack         all of them but those of lists
    choice       which of them a configuration asks for

``presidio.personal`` makes recognizers of Presidio of them.

Theory of operation. Each detector is a recognizer of Presidio's own kind (patterns, context words, a check), so the
prefilter, the verifier, the context rule and the removal of duplicates treat it as they treat Presidio's. What an
``AnalyzerEngine`` finds with these recognizers in its registry is what veilog finds.

* **Words that announce** ("my name is", "date of birth:") stand in a look-behind at the start of a pattern. They are no
  part of what is found, and still part of what the prefilter looks for (see ``prefilter.syntax``), so a form without a
  literal of its own costs nothing in a text without the phrase.
* **Names of people are words with a capital letter.** Patterns are in ASCII (the prefilter needs that), so a first
  letter is one that is no small ASCII letter, and the check asks Python whether it is a capital one.
* **All repeats are bounded**, and no part of a pattern can be read in two ways over a long run: cost is linear.
* **Presidio's entity types** are used where they say the same (``PERSON``, ``LOCATION``, ``DATE_TIME``,
  ``PHONE_NUMBER``, ``CREDIT_CARD``, ``AGE``), so a policy written for them holds. ``POSTAL_ADDRESS``, ``BIRTH_DATE``,
  ``CARD_EXPIRY`` and ``CARD_SECURITY_CODE`` are stricter: a place or a date is no address and no birthday.
"""
