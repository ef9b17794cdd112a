"""All SQL: schema, the writer thread, and functions named after what happens in the trade."""
