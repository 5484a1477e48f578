"""Descriptors are kept as they came."""

import json
from typing import TYPE_CHECKING

from contestlab import cmd, descriptor, one_test

from wsgi_app.core.selection import Reference
from wsgi_app.documents.mediatypes import DESCRIPTOR
from wsgi_app.model import Caller
from wsgi_app.submitted import Document

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest


def test_descriptor(contest: "Contest") -> None:
    """A job that came by this protocol has its descriptor, spaces and all; its retry has the same."""
    contest.add("T1")
    text = json.dumps(descriptor(one_test("größer", ["T1"], cmd("a", "true"))), ensure_ascii=False, indent=3)
    answer = contest.call("start", jobDesc=text)
    job = int(answer["Data"]["JobID"])
    admin = Caller(contest.admin["Authorization"], "")
    submitted = contest.application.gateway.selections.submitted
    assert submitted(admin, Reference("job", job)).document == Document(DESCRIPTOR, text)
    contest.run("T1", None)
    again = contest.call("retry", jobID=str(job))["Data"]["NewJobID"]
    assert submitted(admin, Reference("job", int(again))).document == Document(DESCRIPTOR, text)
