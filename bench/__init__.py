"""Measures what docs/architecture.md aims for, on virtual modems in a process of their own."""
