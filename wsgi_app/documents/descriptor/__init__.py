"""ConTest's job descriptors, read to campaigns: their JSON by Go's rules, their checks in ConTest's order and words.

Source: jobs-contest.md sections 3.1 and 3.2, and ConTest v1.0.1.
"""

from wsgi_app.documents.descriptor.fetchers import Reader
from wsgi_app.documents.descriptor.job import read_descriptor

__all__ = ["MEDIA_TYPE", "Reader", "read_descriptor"]

#: of a descriptor in JSON, as ConTest's clients send it in a form
MEDIA_TYPE = "application/vnd.contest.job+json"
