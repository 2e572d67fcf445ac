"""What comes from outside, bent and broken: every parser answers it with a value or with an error of its own.

budget      how many cases each parser gets, and the loop that runs them
mutating    real samples, changed by a seeded random generator
hostile     values that break parsers, ours and the public list of naughty strings
strategies  the same for Hypothesis, which shrinks what it finds

XIN_CASES multiplies the cases, XIN_SEED chooses others; a failing case prints its seed and its bytes.
"""
