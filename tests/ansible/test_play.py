"""The play: a bare machine becomes a lab controller, a second play changes nothing, and all is as it was promised."""

import json
import re
import socket
import ssl
import urllib.error
import urllib.request
import warnings

import pytest
import told
from controller import SERVICES, Controller
from lab import Answer
from nspawn import Machine
from releases import Release
from waiting import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

#: what runs now and after each boot
UNITS = ("tackroom.target", "tackroom-web.socket", "tackroom-backup.timer", *(f"{one}.service" for one in SERVICES))
#: who shows the certificate
SHOWING = ("tackroom-httpd", "tackroom-workers")
#: the most that `systemd-analyze security` may say of a service
EXPOSURE = 2.5
#: what is said where something is forbidden that should not be
COMPLAINTS = re.compile(r"EPERM|SIGSYS|Operation not permitted|Permission denied|status=31|avc: |audit.*syscall", re.I)
#: what systemd says of a network of one's own where it is itself in a container that shares its machine's
CONTAINED = "Failed to configure loopback network device, ignoring"
#: mode, owner and group of what the play makes, by its path
RIGHTS = {
    "/etc/tackroom": "755 root:root",
    "/etc/tackroom/tackroom.toml": "640 root:tackroom",
    "/etc/tackroom/httpd.conf": "644 root:root",
    "/etc/tackroom/tls/controller.crt": "644 root:root",
    "/etc/tackroom/tls/controller.key": "640 root:tackroom",
    "/etc/tackroom/ca/ca.crt": "644 root:root",
    "/etc/tackroom/ca/ca.key": "600 root:root",
    "/opt/tackroom": "755 root:root",
    "/var/lib/tackroom": "750 tackroom:tackroom",
    "/var/lib/tackroom/admin.token": "600 tackroom:tackroom",
    "/var/lib/tackroom/workers.token": "600 tackroom:tackroom",
    "/var/lib/tackroom/workers": "700 tackroom:tackroom",
    "/var/lib/tackroom/run": "750 tackroom:tackroom",
    "/var/lib/tackroom/run/web.sock": "600 tackroom:tackroom",
    "/var/lib/tackroom/logs": "750 tackroom:tackroom",
    "/var/lib/tackroom/gate": "750 tackroom:tackroom",
    "/var/lib/tackroom/tackroom.db": "640 tackroom:tackroom",
    "/var/backups/tackroom": "700 tackroom:tackroom",
}
#: which directories are there for everybody to write to; the first two are each service's own
EVERYBODYS = {"/tmp", "/var/tmp", "/dev/mqueue", "/dev/shm", "/run/lock"}
#: prints the addresses and ports on which processes of this machine listen, as lines of JSON
LISTENERS = """
import glob, json, os, socket, struct
ours = {}
for link in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        ours[os.readlink(link)] = open(link.split("/fd/")[0] + "/comm").read().strip()
    except OSError:
        pass
for table in ("tcp", "tcp6", "udp", "udp6"):
    for line in open("/proc/net/" + table).read().splitlines()[1:]:
        words = line.split()
        name = ours.get("socket:[%s]" % words[9])
        if name and (words[3] == "0A" or table.startswith("udp")):
            address, port = words[1].split(":")
            packed = b"".join(struct.pack("<I", int(address[at:at + 8], 16)) for at in range(0, len(address), 8))
            family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
            print(json.dumps([name, socket.inet_ntop(family, packed), int(port, 16)]))
"""


def test_a_check_of_a_bare_machine(bare: Machine, release: Release) -> None:
    """`--check` tells what would be done to a machine on which nothing is yet, and does none of it."""
    controller = Controller.on(bare)
    play = controller.play(release, "--check", "--diff")
    assert play.changed > 5
    assert not controller.data.exists()
    assert not (bare.tree / "etc/tackroom").exists()
    assert bare.run("getent passwd tackroom", check=False).returncode == 2


@pytest.mark.parametrize("variable", ["workers_listen", "zmq_listen"])
def test_a_port_that_somebody_has_is_refused(bare: Machine, release: Release, variable: str) -> None:
    """The sentence names the variable and the place, and nothing was done to the machine."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        place = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(AssertionError, match=f"listens on {place} already, which lab_controller_{variable} names"):
            Controller.on(bare).play(release, **{variable: place})
    assert not (bare.tree / "etc/tackroom").exists()


def test_a_second_play_changes_nothing(controller: Controller, release: Release) -> None:
    """What was just provisioned is left alone: not one task changes anything, no service is started anew."""
    before = {service: controller.main(service) for service in SERVICES}
    second = controller.play(release)
    told.note("second play", second.took, "s")
    assert second.changed == 0, second.changes
    assert {service: controller.main(service) for service in SERVICES} == before
    assert "was started. It goes on" not in second.output


def test_check_mode_is_clean(controller: Controller, release: Release) -> None:
    """`--check --diff` on a controller has nothing to change, and shows no difference."""
    checked = controller.play(release, "--check", "--diff")
    told.note("check", checked.took, "s")
    assert (checked.changed, checked.changes) == (0, [])
    assert not re.search(r"^(---|\+\+\+|@@)", checked.output, re.M), checked.output


def test_all_units_run_now_and_after_each_boot(controller: Controller) -> None:
    """Everything is active and enabled, and nothing on the machine has failed."""
    for question, answer in (("is-active", "active"), ("is-enabled", "enabled")):
        said = controller.machine.run(f"systemctl {question} {' '.join(UNITS)}", check=False).stdout.split()
        assert dict(zip(UNITS, said, strict=True)) == dict.fromkeys(UNITS, answer)
    assert controller.machine.run("systemctl list-units --failed --plain --no-legend 'tackroom*'").stdout == ""


def test_services_can_do_little(controller: Controller) -> None:
    """`systemd-analyze security` says at most 2.5 of each, and the kernel that they are what their units say."""
    for service in (*SERVICES, "tackroom-backup"):
        said = controller.machine.run(f"systemd-analyze security --no-pager {service}.service").stdout
        exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        assert exposure, said
        told.note(f"exposure of {service}", float(exposure[1]), "of 10", EXPOSURE)
    user = int(controller.machine.run("id -u tackroom").stdout)
    for service in SERVICES:
        pid = controller.main(service)
        status = controller.machine.run(f"cat /proc/{pid}/status").stdout
        assert re.search(rf"^Uid:\s+{user}\s+{user}\s+{user}\s", status, re.M), (service, status)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M), (service, status)
        assert re.search(r"^Seccomp:\s+2$", status, re.M), (service, status)
        capabilities = int(re.findall(r"^CapEff:\s+(\w+)$", status, re.M)[0], 16)
        # CAP_NET_BIND_SERVICE is the tenth
        assert capabilities == (1 << 10 if service == "tackroom-httpd" else 0), (service, status)


def test_services_write_their_data_and_nothing_else(controller: Controller) -> None:
    """As each service sees it, the system is read-only but for DATA; who shows the certificate sees its key."""
    for service in SERVICES:
        pid = controller.main(service)
        as_it = f"nsenter --mount --target {pid} -- setpriv --reuid tackroom --regid tackroom --clear-groups"
        find = "find / -path /proc -prune -o -path /var/lib/tackroom -prune -o -type d -writable -print 2>&-"
        found = controller.machine.run(f"{as_it} {find}", check=False).stdout.split()
        assert "/tmp" in found, service
        assert set(found) <= EVERYBODYS, service
        assert controller.machine.run(f"{as_it} test -w /var/lib/tackroom/logs").returncode == 0
        key = controller.machine.run(f"test -e /proc/{pid}/root/etc/tackroom/tls/controller.key", check=False)
        assert (key.returncode == 0) == (service in SHOWING), service


def test_it_listens_where_it_should_and_nowhere_else(controller: Controller) -> None:
    """All that is opened to the network is httpd's two listeners and the workers'; the rest speaks by a file."""
    said = controller.machine.run("python3 -", text=LISTENERS).stdout
    found = {tuple(json.loads(line)) for line in said.splitlines()}
    assert {(address, port) for name, address, port in found if name != "sshd"} == {
        ("127.0.0.1", controller.port),
        ("127.0.0.1", controller.plain),
        ("127.0.0.1", controller.workers),
        ("127.0.0.1", controller.workers_tls),
    }


def test_owners_and_modes(controller: Controller) -> None:
    """What is secret is readable for those who need it; what is root's nobody else writes."""
    found = controller.machine.run(f"stat --format='%n %a %U:%G' {' '.join(RIGHTS)}").stdout.splitlines()
    assert dict(line.split(" ", 1) for line in found) == RIGHTS
    program = controller.machine.run("find -L /opt/tackroom/current ! -user root -o -perm /022 ! -type l").stdout
    assert program == ""


def test_doctor_finds_nothing(controller: Controller) -> None:
    """`tackroom doctor` as root, without a word of where it is, ends with 0."""
    said = controller.machine.run("tackroom doctor")
    assert said.stdout.strip()


def test_events_come_by_websocket(controller: Controller) -> None:
    """Through httpd and by TLS; the publisher that is started anew sends its readers off, and takes them again."""

    def read(connection: ClientConnection) -> list[str]:
        told: list[str] = json.loads(connection.recv(20))
        assert len(told) == 5
        return told

    def listen() -> ClientConnection:
        url = controller.url.replace("https:", "wss:") + "/ws/?topics=worker"
        return connect(url, ssl=controller.trust(), proxy=None, open_timeout=20)

    with listen() as reader:
        assert read(reader)[0] == "org.lavasoftware.worker"
        controller.machine.run("systemctl restart tackroom-publisher")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                reader.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    with listen() as reader:
        assert json.loads(read(reader)[4])["hostname"]


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_only_modern_tls_is_spoken(controller: Controller, version: str) -> None:
    """TLS 1.2 and 1.3 are, what came before is not; without tickets, so that a stolen key opens nothing old."""
    context = ssl.create_default_context(cafile=str(controller.ca))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    # this machine's own OpenSSL would not speak the old ones
    context.set_ciphers("ALL:@SECLEVEL=0")
    if version in ("TLSv1", "TLSv1_1"):
        with pytest.raises(urllib.error.URLError, match=r"(?i)protocol version"):
            get(controller.url + "/livez", context)
    else:
        assert get(controller.url + "/livez", context).status == 200


def test_its_names_are_in_the_certificate(controller: Controller) -> None:
    """Whoever trusts the lab's CA trusts the controller by its names, and by no other."""
    context = ssl.create_default_context(cafile=str(controller.ca))
    assert get(controller.url + "/livez", context).status == 200
    with pytest.raises(urllib.error.URLError, match="not valid for 'localhost'"):
        get(f"https://localhost:{controller.port}/livez", context)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        get(controller.url + "/livez", ssl.create_default_context())


def test_the_machine_itself_trusts_its_ca(controller: Controller) -> None:
    """Every program there does, by the machine's own store, and finds the controller by its name."""
    url = f"https://{controller.machine.name}:{controller.port}/readyz"
    command = f"python3 -c \"import urllib.request; print(urllib.request.urlopen('{url}').status)\""
    assert controller.machine.run(command).stdout == "200\n"


def test_plainly_it_speaks_to_harnesses_only(controller: Controller) -> None:
    """Without TLS recipes are there, and whether it lives; nobody is to send a token that way."""
    plain = controller.plain_url
    assert get(plain + "/livez").status == 200
    assert get(plain + "/readyz").status == 200
    assert get(plain + "/recipes/999999/").status in (401, 403, 404)
    for place in ("/", "/jobs/", "/events", "/systems/", "/tokens/", "/ws/"):
        refused = get(plain + place)
        assert refused.status == 403, (place, refused)
        assert b"https" in refused.body, (place, refused)


def test_nothing_that_is_needed_is_forbidden(controller: Controller) -> None:
    """After all that was done to it, no service has complained that the kernel would not let it."""
    assert controller.ready()
    words = controller.machine.run("journalctl --no-pager --boot").stdout
    assert "Started tackroom-web.service" in words
    lines = [line for line in words.splitlines() if "tackroom" in line and CONTAINED not in line]
    told_of = [line for line in lines if COMPLAINTS.search(line)]
    assert not told_of, "\n".join(told_of)


def get(url: str, context: ssl.SSLContext | None = None) -> Answer:
    """Ask as a stranger. Raises `URLError` when there is no connection."""
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def test_a_changed_unit_of_httpd_breaks_off_no_upload(controller: Controller, release: Release) -> None:
    """The play says that httpd's unit is another than it was started by, and leaves its start to a quiet moment."""
    before = controller.main("tackroom-httpd")
    controller.machine.run("echo '# an older one' >> /etc/systemd/system/tackroom-httpd.service")
    play = controller.play(release)
    assert play.changed == 1, play.changes
    assert "tackroom-httpd.service changed after httpd was started" in " ".join(play.output.split()), play.output
    assert controller.main("tackroom-httpd") == before
    # that it was done is seen by the play that changes nothing
    controller.machine.run("systemctl restart tackroom-httpd")
    until(controller.ready, "httpd listens again")
