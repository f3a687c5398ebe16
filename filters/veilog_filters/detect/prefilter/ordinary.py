"""How common a piece of an expression is in ordinary requests to a model: what is in most of them tells nothing."""

from __future__ import annotations

from typing import Final

import regex

TEXT: Final = """
Please write a short email to my manager and ask whether I can take Friday off. Explain the difference between a list
and a tuple in Python, and show me an example of each. You are a helpful assistant that answers questions about our
products. Summarize the following article in three sentences; use only what it says. What is the best way to learn a
new language when you have little time? Translate this paragraph into German and keep the tone friendly. I want you to
give me ten ideas for a birthday party, with a list of things that we need. Create a table with the name, price and
size of all items below. How do I get the first word of every line in a file? Can you tell me what this error message
means and how to change my code so that it does not happen again? The user may ask for the current weather; answer
from the data that the tool returns. Make it more formal, do not use any jargon, and return the text as JSON. Here is
the context of our conversation so far. Let me know if there is anything else that you would like to see. Act as a
teacher and help me with my homework: why did the first world war start? Write a story about a dog who can read, and
let her be the hero. If the order was placed before noon, it will be sent today; otherwise you can tell the customer
that it goes out tomorrow. Read the report, find the most important numbers, and say what they mean for the next year.
My password does not work, what should I do now? Use the following rules to check the document: no line is longer than
eighty characters, every section has a title, and all instructions are numbered. Give a step by step plan, then
describe each step. Based on the information above, which of these options is correct? Generate a product description,
add a call to action and three keywords. I have been working on this model for a week and I am not sure if the output
is good. Fix the bug in this function and write a test for it. We are looking for someone who has been in sales,
speaks English, and can start right away. Provide the answer in the same format as the question. What are some good
names for a small coffee shop that is open at night? Think about how people feel, what they want and what they say.
Compare both systems by cost, speed and safety. Convert the time from UTC to New York. Compose a reply to this review,
thank them, and offer a discount on their next visit. From now on call me Sam. Print the result of the query, sorted
by date. Suggest a recipe without meat that is ready in less than thirty minutes. Who wrote this book, and where was
it set? Show the steps in order, keep it short, and put the code in one block. Is it true that you must drink two
liters of water every day? Can you make the second version sound like something a child would say? Set up a meeting
with the team, share the link and the agenda, and remind them to bring the files. Explain it to me again, but this
time with a simple example. The system returns the account number and the name of the person; pass them to the next
function. Rewrite the text so that it fits a general audience. I do not understand the last part: why do we need to
divide by two here? Design a logo in words. Just give me the final answer, no explanation. Imagine that you are a tour
guide in Rome and tell me what to see in one day.
"""
"""Requests of the kind that most are, made up for this."""
COMMON: Final = 1
"""A piece that is there more often is common."""


def occurrences(expression: str, flags: int) -> int:
    """How often an expression is in ordinary requests."""
    return sum(1 for _ in regex.finditer(expression, TEXT, flags))
