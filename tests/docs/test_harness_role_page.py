"""The role `harness` and its table in the reference."""

import re

import yaml
from pages import ROOT


def test_variables() -> None:
    """Every variable of the role is in the reference, and nothing else is in its place there."""
    text = (ROOT / "ansible/roles/harness/meta/argument_specs.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs/reference/harness.md").read_text(encoding="utf-8")
    section = page.partition("## The role `harness`")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(harness_\w+)` ", section, re.MULTILINE) == list(
        yaml.safe_load(text)["argument_specs"]["main"]["options"]
    )
