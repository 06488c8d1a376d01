"""Many runs: each in a process of its own, so that one that fails costs nothing but itself."""
