"""Mails, handed to a real server. Checklist: readers-lava.md section 12."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from acting import Acting
from certificates import Authority, make_authority
from corelab import CoreLab
from couriering import at_work, log, over, sending_lab
from lab import Lab, running_lab
from mailserver import MailServer, taking_mail
from receiver import deliveries
from receiver import over as all_over
from waiting import until

from wsgi_app.notification import Delivery, DeliveryState, Method, Outcome

SENDER = "lab@example.org"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority."""
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    """What the server speaks TLS with."""
    issued = authority.issue("mail")
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.load_cert_chain(issued.certificate, issued.key)
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The server of the lab."""
    with taking_mail() as server:
        yield server


@pytest.fixture(scope="module")
def lab(server: MailServer) -> Iterator[Lab]:
    """A lab that sends mails."""
    settings = {"MAIL_HOST": "127.0.0.1", "MAIL_PORT": str(server.port), "MAIL_FROM": SENDER}
    more = {"DELIVERY_RETRY_SECONDS": "0.2", "BASE_URL": "https://lab.example.org/"}
    names = {f"TACKROOM_{name}": value for name, value in (settings | more).items()}
    with running_lab("none", **names) as lab:
        yield lab


def block(*recipients: Mapping[str, object], status: str = "finished", **more: object) -> dict[str, object]:
    """A job's block that asks for mails."""
    return {"criteria": {"status": status}, "recipients": [{"method": "email", **one} for one in recipients], **more}


def run(lab: Lab, system: str, notify: dict[str, object], *results: tuple[str, str], **job: Any) -> Acting:
    """Run a job of one task to its end."""
    acting = Acting(lab, "smoke", system=system, notify=notify, **job).claim()
    acting.run(0, *results)
    return acting


def texts(server: MailServer, number: int, receiver: str) -> list[str]:
    """Return what was said to somebody, when that many mails have come in all."""
    return [one.text for one in server.wait(number) if receiver in one.receivers]


def test_64_both_transitions_each_once_for_each(lab: Lab, server: MailServer) -> None:
    """Item 64: two recipients, one of them named twice, are told of running and of finished, once each."""
    before, there = len(server.got), len(deliveries(lab))
    who = ({"email": "a@example.org"}, {"email": "b@example.org"}, {"email": "a@example.org"})
    acting = run(lab, "both", block(*who, status="all"), name="boot")
    all_over(lab, there + 4)
    got = server.got[before:]
    for receiver in ("a@example.org", "b@example.org"):
        said = sorted(one.text.splitlines()[0] for one in got if one.receivers == (receiver,))
        assert said == [
            f"The job with id {acting.recipe} is in state Finished, health Complete.",
            f"The job with id {acting.recipe} is in state Running.",
        ]
    assert len(got) == 4
    assert len({one.message["Message-ID"] for one in got}) == 4
    for one in got:
        assert one.message["Subject"] == f"LAVA notification for Test Job {acting.recipe} boot"
        assert (one.sender, one.message["From"]) == (SENDER, f"Tackroom <{SENDER}>")
        assert one.message["Auto-Submitted"] == "auto-generated"


def test_65_nobody_named_is_the_submitter(lab: Lab, server: MailServer) -> None:
    """Item 65: without recipients and callbacks the owner gets it, where he has said; else it says why not."""
    before, there = len(server.got), len(deliveries(lab))
    run(lab, "nobody", {"criteria": {"status": "finished"}})
    failed = all_over(lab, there + 1)[there]
    assert (failed["state"], len(server.got)) == ("failed", before)
    assert "tackroom notify address" in failed["reason"]
    lab.command("notify", "address", "admin", "--email", "admin@example.org")
    run(lab, "nobody", {"criteria": {"status": "finished"}})
    assert server.wait(before + 1)[before].receivers == ("admin@example.org",)


def test_65_the_owner_of_the_system(lab: Lab, server: MailServer) -> None:
    """Item 65: who owns the system is told; where nobody does, nobody is."""
    before, there = len(server.got), len(deliveries(lab))
    lab.command("notify", "address", "olga", "--email", "olga@example.org")
    lab.post("/systems/", {"name": "owned"})
    lab.command("system", "set", "owned", "--owner", "olga")
    for system in ("ownerless", "owned"):
        run(lab, system, block({"system_owner": True}, {"email": "always@example.org"}))
    all_over(lab, there + 3)
    got = sorted(one.receivers for one in server.got[before:])
    assert got == [("always@example.org",), ("always@example.org",), ("olga@example.org",)]


def test_texts_say_as_much_as_they_should(lab: Lab, server: MailServer) -> None:
    """Status only: two lines; quiet: what ran where and how it ended; verbose: results, and what differs."""
    before = len(server.got)
    results = (("Pass", "/alpha"), ("Pass", "/beta"), ("Pass", "/noise"), ("Pass", "/gone"))
    run(lab, "words", block({"email": "first@example.org"}), *results, name="nightly")
    server.wait(before + 1)
    said, numbers = {}, []
    for place, verbosity in enumerate(("status-only", "quiet", "verbose")):
        results = (("Pass", "/alpha"), ("Fail", "/beta"), ("Fail", "/noise"), ("Pass", "/new"))
        compare = {"blacklist": ["noise"], "base": {"name": "nightly", "owner": "admin"}}
        asked = block({"email": f"{verbosity}@example.org"}, verbosity=verbosity, compare=compare)
        job = {"name": f"nightly {verbosity}", "metadata": {"branch": "main"}}
        numbers.append(run(lab, "words", asked, *results, **job).recipe)
        (said[verbosity],) = texts(server, before + 2 + place, f"{verbosity}@example.org")
    short, quiet, verbose = (text.splitlines() for text in said.values())
    for lines, recipe in zip((short, quiet, verbose), numbers, strict=True):
        assert lines[:2] == [
            f"The job with id {recipe} is in state Finished, health Complete.",
            f"Job: https://lab.example.org/scheduler/job/{recipe}",
        ]
    assert len(short) == 2
    assert {"Description: nightly quiet", "Device: words", "Submitter: admin"} <= set(quiet)
    assert any(line.startswith("Duration: 0:00:") for line in quiet)
    assert not any("alpha" in line for line in quiet)
    assert "  branch: main" in verbose
    assert {"  0_smoke/alpha: pass", "  0_smoke/beta: fail"} <= set(verbose)
    assert "    0_smoke/beta: pass -> fail" in verbose
    begin = verbose.index("  Cases added: 1")
    assert verbose[begin : begin + 4] == [
        "  Cases added: 1",
        "    0_smoke/new",
        "  Cases removed: 1",
        "    0_smoke/gone",
    ]
    assert not any("noise" in line for line in verbose)


def test_66_a_job_name_is_no_header(lab: Lab, server: MailServer) -> None:
    """Item 66: whatever a job is called, the mail has our headers, one receiver, and our text."""
    before = len(server.got)
    name = "x\r\nBcc: evil@example.org\r\n\r\nHello\r\n.\r\nMAIL FROM:<evil@example.org>"
    run(lab, "injected", block({"email": "only@example.org"}), name=name)
    (mail,) = server.wait(before + 1)[before:]
    assert mail.receivers == ("only@example.org",)
    assert "Bcc" not in mail.message
    assert mail.message["Subject"].endswith(" x Bcc: evil@example.org Hello . MAIL FROM:<evil@example.org>")
    shown = name.replace("\r", "\\x0d").replace("\n", "\\x0a")
    assert f"Description: {shown}" in mail.text.splitlines()


def order(lab: CoreLab) -> Delivery:
    """Have a mail sent."""
    return lab.gateway.deliveries.test(lab.admin, Method.EMAIL, "a@example.org")


def sent(place: Path, server: MailServer, **settings: object) -> tuple[Delivery, list[tuple[Outcome, int | None]]]:
    """Send a mail, and return what became of it, and the attempts."""
    given = {"mail_host": "127.0.0.1", "mail_port": server.port, **settings}
    with sending_lab(place, **given) as lab, at_work(lab):
        delivery = order(lab)
        (found,) = over(lab, delivery)
        return found, [(one.outcome, one.status) for one in log(lab, delivery)]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_by_tls_as_somebody(
    tmp_path: Path,
    authority: Authority,
    context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    security: str,
) -> None:
    """The server is who it says, and nothing but the wish for TLS is said in the open."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    (tmp_path / "password").write_text("s3cret\n")
    who = {"mail_user": "lab", "mail_password_file": str(tmp_path / "password"), "mail_security": security}
    with taking_mail(context, secure=security == "tls", users={"lab": "s3cret"}) as server:
        found, _ = sent(tmp_path, server, **who)
        (mail,) = server.got
        assert (found.state, mail.secure, mail.user) == (DeliveryState.DELIVERED, True, "lab")
        assert [line.split()[0].upper() for line in server.heard] == (["EHLO", "STARTTLS"] if security != "tls" else [])


def once(place: Path, server: MailServer, **settings: object) -> Delivery:
    """Have a mail sent, and return its delivery after the first attempt."""
    given = {"mail_host": "127.0.0.1", "mail_port": server.port, **settings}
    with sending_lab(place, **given) as lab:
        delivery = order(lab)
        with at_work(lab):

            def tried() -> Any:
                found = lab.gateway.deliveries.get(lab.admin, delivery.id)
                return found if found.attempts else None

            found: Delivery = until(tried, "an attempt")
            return found


def test_a_server_that_nobody_vouches_for(tmp_path: Path, context: ssl.SSLContext) -> None:
    """No password is told to it; it is tried again, since somebody may put it right."""
    with taking_mail(context) as server:
        found = once(tmp_path, server, mail_security="starttls")
        assert (found.state, server.got) == (DeliveryState.WAITING, [])
        assert "certificate is not trusted" in (found.reason or "")


def test_a_server_without_starttls(tmp_path: Path) -> None:
    """Where it is wanted and not offered, nothing is said in the open."""
    with taking_mail() as server:
        found = once(tmp_path, server, mail_security="starttls")
        assert "STARTTLS" in (found.reason or "")
        assert (found.state, server.got) == (DeliveryState.WAITING, [])


def test_a_wrong_password(tmp_path: Path) -> None:
    """It is tried again: somebody may put it right; the password is in no reason."""
    (tmp_path / "password").write_text("wrong-one")
    with taking_mail(users={"lab": "s3cret"}) as server:
        found = once(tmp_path, server, mail_user="lab", mail_password_file=str(tmp_path / "password"))
    assert found.state is DeliveryState.WAITING
    assert "does not let us in" in (found.reason or "")
    assert "wrong-one" not in (found.reason or "")


@pytest.mark.parametrize(
    ("answers", "expected", "came"),
    [
        ({"RCPT": ["451 later"]}, [("failed", 451), ("delivered", 250)], 1),
        ({"DATA": ["421 busy"]}, [("failed", 421), ("delivered", 250)], 1),
        ({".": ["452 full"]}, [("failed", 452), ("delivered", 250)], 1),
        ({"RCPT": ["550 nobody here"]}, [("refused", 550)], 0),
        ({".": ["554 spam"]}, [("refused", 554)], 0),
        ({".": [""]}, [("unknown", None)], 1),
    ],
)
def test_62_what_a_server_answers(
    tmp_path: Path, answers: dict[str, list[str]], expected: list[tuple[str, int | None]], came: int
) -> None:
    """4xx: again; 5xx: never; no answer behind the mail: whether it was taken is not known, so not again."""
    with taking_mail() as server:
        server.answers |= answers
        _, attempts = sent(tmp_path, server)
        assert [(str(outcome), status) for outcome, status in attempts] == expected
        assert len(server.got) == came


def test_without_a_server(tmp_path: Path) -> None:
    """Where no mail_host is set, it says so."""
    with sending_lab(tmp_path) as lab, at_work(lab):
        (found,) = over(lab, order(lab))
    assert (found.state, found.reason) == (DeliveryState.FAILED, "no mail_host is set")
