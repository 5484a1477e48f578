"""Job descriptors, as submitters write them: a small one that is right, and changes to it."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsgi_app.config import Config
from wsgi_app.core.sources import Sources
from wsgi_app.documents.descriptor import read_descriptor
from wsgi_app.submitted import NewJob

#: a value that takes the field away
GONE = object()

STEP = {"name": "cmd", "label": "step1", "parameters": {"executable": ["echo"], "args": ["hello {{ .ID }}"]}}
TEST = {
    "TargetManagerName": "TargetList",
    "TargetManagerAcquireParameters": {"Targets": [{"ID": "T1", "FQDN": "host1.example.org"}]},
    "TargetManagerReleaseParameters": {},
    "TestFetcherName": "literal",
    "TestFetcherFetchParameters": {"TestName": "Test 1", "Steps": [STEP]},
}
SMALL = {
    "JobName": "j1",
    "Version": "1.0",
    "Tags": ["t1", "t2"],
    "Runs": 1,
    "RunInterval": "0s",
    "TestDescriptors": [TEST],
    "Reporting": {
        "RunReporters": [{"Name": "TargetSuccess", "Parameters": {"SuccessExpression": "=100%"}}],
        "FinalReporters": [{"Name": "noop"}],
    },
}


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the small descriptor with values at paths such as `TestDescriptors.0.Disabled` replaced."""
    found: Any = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *way, last = path.split(".")
        holder = found
        for part in way:
            holder = holder[int(part) if isinstance(holder, list) else part]
        if value is GONE:
            del holder[last]
        elif isinstance(holder, list):
            holder[int(last)] = copy.deepcopy(value)
        else:
            holder[last] = copy.deepcopy(value)
    return dict(found)


def read(folder: Path, changes: Mapping[str, Any]) -> NewJob:
    """Read the small descriptor with changes; the files that it may name are in a folder, and it may ask no hosts."""
    return read_text(folder, json.dumps(changed(changes)))


def read_text(folder: Path, text: str | bytes) -> NewJob:
    """Read a descriptor's text."""
    return read_descriptor(text, Sources(Config(data=folder, descriptor_files=str(folder))))
