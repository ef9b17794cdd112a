"""May we send? Pure verdicts over values."""
