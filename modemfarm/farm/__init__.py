"""Which SIM sends what, and what follows from how it ended."""
