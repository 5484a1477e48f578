"""Descriptors are kept as they came."""

import json
from typing import TYPE_CHECKING

from contestlab import cmd, descriptor, one_test

from wsgi_app.documents.descriptor import MEDIA_TYPE
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
    document = contest.application.gateway.jobs.document
    assert document(admin, job) == Document(MEDIA_TYPE, text)
    contest.run("T1", None)
    again = contest.call("retry", jobID=str(job))["Data"]["NewJobID"]
    assert document(admin, int(again)) == Document(MEDIA_TYPE, text)
