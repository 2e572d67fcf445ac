"""The shop that a newcomer meets: a tenant with one channel of each kind and two small documents."""
