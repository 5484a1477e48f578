"""ConTest's job descriptors, read to campaigns: their JSON by Go's rules, their checks in ConTest's order and words.

Source: jobs-contest.md sections 3.1 and 3.2, and ConTest v1.0.1.
"""

from wsgi_app.documents.descriptor.fetchers import Reader
from wsgi_app.documents.descriptor.job import read_descriptor

__all__ = ["Reader", "read_descriptor"]
