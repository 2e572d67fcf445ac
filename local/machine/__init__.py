"""What `make up` needs of the machine: a home for its state, supervised processes, the stores it brings along."""
