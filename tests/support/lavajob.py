"""LAVA jobs, as submitters write them: small ones that are right, and changes to them."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsgi_app.config import Config
from wsgi_app.core.sources import Sources
from wsgi_app.documents.lavajob import read_lava_job
from wsgi_app.submitted import NewJob

#: a value that takes the field away
GONE = object()

#: as in LAVA's documentation of a first job
FIRST = """\
# Sample of a job for a virtual system
device_type: qemu
job_name: QEMU pipeline, first job, ä

timeouts:
  job:
    minutes: 15
  action:
    minutes: 5
  connection:
    minutes: 2
priority: medium
visibility: public

context:
  arch: amd64

metadata:
  source: https://example.org/jobs.git
  path: first/qemu.yaml
  build: 7

actions:
- deploy:
    timeout:
      minutes: 5
    to: tmpfs
    images:
      rootfs:
        image_arg: -drive format=raw,file={rootfs}
        url: https://example.org/images/rootfs.img.gz
        compression: gz
- boot:
    timeout:
      minutes: 2
    method: qemu
    media: tmpfs
    prompts: ["root@debian:"]
    auto_login:
      login_prompt: "login:"
      username: root
- test:
    timeout:
      minutes: 5
    definitions:
    - repository:
        metadata:
          format: Lava-Test Test Definition 1.0
          name: smoke-tests-basic
          description: "Basic system test command"
        run:
          steps:
          - lava-test-case linux-pwd --shell pwd
          - lava-test-case linux-uname --shell uname -a
      from: inline
      name: smoke-tests
      path: inline/smoke-tests-basic.yaml
"""

#: as in LAVA's documentation of groups
GROUP = """\
job_name: simple multinode job
visibility: personal
priority: low
timeouts:
  job: {minutes: 60}
protocols:
  lava-multinode:
    roles:
      client:
        device_type: qemu
        context: {arch: amd64}
        count: 2
        timeout: {minutes: 10}
      server:
        device_type: panda
        tags: [big]
        count: 1
        essential: yes
    timeout: {minutes: 6}
actions:
- deploy:
    role: [server, client]
    to: tmpfs
- boot:
    role: [server, client]
    method: minimal
- test:
    role: [client]
    definitions:
    - &sync
      from: inline
      name: wait-for-server
      path: inline/sync.yaml
      repository:
        metadata: {format: Lava-Test Test Definition 1.0, name: sync}
        run: {steps: [lava-sync ready]}
- test:
    role: [server]
    definitions:
    - *sync
    - {<<: *sync, name: serve}
"""

INLINE = {
    "from": "inline",
    "name": "smoke",
    "path": "inline/smoke.yaml",
    "repository": {
        "metadata": {"format": "Lava-Test Test Definition 1.0", "name": "smoke"},
        "run": {"steps": ["lava-test-case a --result pass"]},
    },
}
SMALL = {
    "job_name": "small",
    "visibility": "public",
    "device_type": "qemu",
    "timeouts": {"job": {"minutes": 5}},
    "actions": [{"test": {"definitions": [INLINE]}}],
}


def changed(changes: Mapping[str, Any], base: Mapping[str, Any] = SMALL) -> dict[str, Any]:
    """Return a job with other values at some paths, such as `timeouts.job` or `actions.0.test`; `GONE` takes away."""
    found = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = found
        for step in way:
            place = place[step]
        if value is GONE:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return found


def read_text(text: str | bytes, *, strict: bool = False, folder: Path = Path("/nonexistent")) -> NewJob:
    """Read a job; what it names is below the folder."""
    return read_lava_job(text, Sources(Config(data=folder)), strict=strict)


def read(changes: Mapping[str, Any], *, strict: bool = False) -> NewJob:
    """Read the small job with changes."""
    return read_text(json.dumps(changed(changes)), strict=strict)
