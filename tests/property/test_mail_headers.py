"""Mails and lines on IRC, whatever strangers call their jobs."""

import email
import email.policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_app.notification import Delivery, DeliveryState, Method, Moment, Order
from wsgi_app.services.publisher.irc import LONGEST_SAID, line
from wsgi_app.services.publisher.mail import message

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Id", "X-Tackroom-Job"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}
DELIVERY = Delivery(
    id=1,
    key="tr-1-finished-00",
    recipe=1,
    job=1,
    owner="ann",
    transition=Moment.FINISHED,
    method=Method.EMAIL,
    target="a@example.org",
    order=Order(),
    state=DeliveryState.WAITING,
    attempts=0,
    due=0.0,
    created=0.0,
    ended=None,
    reason=None,
    status=None,
    copy_of=None,
)
ANY = st.text(st.characters(exclude_categories=()), max_size=400)


@given(ANY)
@example("x\r\nBcc: evil@example.org\r\n\r\nHello")
@example("x\nTo: y\n\n.\n")
@example("\r" * 50 + "\u2028\x85\x0b\x0c\x1c")
@example("ä" * 300)
@example("=?utf-8?q?x=0D=0ABcc:_evil=40example.org?=")
def test_66_a_name_is_no_header(name: str) -> None:
    """Item 66: a mail has our headers, each once, one receiver, and lines that end as lines do."""
    raw = message("lab@example.org", DELIVERY, f"LAVA notification for Test Job 1 {name}", "hello\n").as_bytes()
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert sorted(found.keys()) == sorted(HEADERS)
    assert found["To"] == "a@example.org"
    assert found["Subject"].startswith("LAVA notification for Test Job 1")
    assert found.get_content().split() == ["hello"]
    rest = raw.replace(b"\r\n", b"")
    assert b"\n" not in rest
    assert b"\r" not in rest
    assert all(len(one) <= 998 for one in raw.split(b"\r\n"))
    assert raw.isascii()


@given(ANY)
@example("x\r\nQUIT\r\n")
@example("\x01ACTION x\x01\0")
@example("ä" * 300)
def test_66_a_name_is_no_line(name: str) -> None:
    """Item 66: what is said on IRC is one line, no command of a client, and not too long."""
    said = line(f"job 1 {name}")
    assert said.isprintable()
    assert len(said.encode()) <= LONGEST_SAID


@pytest.mark.parametrize("text", ["", "ä\n", ".\n..\n", "x" * 5000 + "\n"])
def test_texts_come_as_they_are(text: str) -> None:
    """What a mail says is what its reader gets."""
    raw = message("lab@example.org", DELIVERY, "s", text).as_bytes()
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert found.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
