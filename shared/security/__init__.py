"""Secrets at rest, access tokens, passwords."""
