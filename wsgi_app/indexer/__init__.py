"""The indexer: watches the log tree, and turns finished logs into results and marks (design.md section 4)."""
