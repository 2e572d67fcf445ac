"""Postgres: one module an aggregate, plain SQL, the tenant set by the transaction and held by row-level security."""
