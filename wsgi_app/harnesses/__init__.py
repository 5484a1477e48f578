"""Harnesses: clients of the harness protocol, and of nothing else.

Here is what any of them needs (what the controller says of a recipe, what a task asks, how an archive is fetched), out
of the standard library alone; beside it the harnesses, strangers to one another.
"""
