"""Whole provider knowledge: reading what they send us, writing what we send them. Nobody else knows their words."""
