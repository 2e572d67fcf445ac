"""Rules that act on time: when they are due, and what they do."""
