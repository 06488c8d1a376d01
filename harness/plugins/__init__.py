"""Which cells and tasks there are, what can be set of them, and the version of their code."""
