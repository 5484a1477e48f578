"""LAVA's job documents, read to jobs of ours. Source: readers-lava.md section 6.3, LAVA's public documentation."""

from wsgi_app.documents.lavajob.job import YAML, read_lava_job

__all__ = ["YAML", "YAML_TYPES", "read_lava_job"]

#: the media types of YAML: RFC 9512, and what it is called besides
YAML_TYPES = (YAML, "application/x-yaml", "text/yaml", "text/x-yaml")
