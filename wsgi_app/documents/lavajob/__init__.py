"""LAVA's job documents, read to jobs of ours. Source: readers-lava.md section 6.3, LAVA's public documentation."""

from wsgi_app.documents.lavajob.job import read_lava_job

__all__ = ["read_lava_job"]
