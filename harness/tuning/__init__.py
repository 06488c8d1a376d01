"""Which runs to make: equal trials for every entry, and searches that choose as they go."""
