"""Harnesses that we ship: clients of the harness protocol, and of nothing else."""
