"""What `tackroom doctor` looks at: one function a check, each with the mend of what it may find."""

from wsgi_app.cli.findings.finding import Finding

__all__ = ["Finding"]
