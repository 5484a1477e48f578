"""Cases as documents, all from the one iterator: one module a format, each written while it is read."""
