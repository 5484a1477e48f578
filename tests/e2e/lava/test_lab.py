"""Devices, workers and the rest of the lab through the stock lavacli; nothing runs here."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from contestlab import Site
from lab import Lab, running_lab
from lavacli import VERSIONS, Lavacli, definition, job
from waiting import until


@pytest.fixture(scope="module")
def bare() -> Iterator[Lab]:
    """A lab with three systems that nobody runs; one of them is retired."""
    with running_lab("none") as lab:
        lab.post("/systems/", {"name": "alpha", "type": "bench", "tags": ["kvm", "big"], "health": "good"})
        lab.post("/systems/", {"name": "beta", "type": "board"})
        lab.post("/systems/", {"name": "gamma", "type": "board", "health": "retired"})
        yield lab


@pytest.fixture(params=VERSIONS)
def client(request: pytest.FixtureRequest, bare: Lab, tmp_path: Path) -> Lavacli:
    """Each of the stock clients, as user admin."""
    return Lavacli.of(request.param, bare, tmp_path)


def test_devices(client: Lavacli) -> None:
    """Item 44: retired ones are hidden, one has all its keys, what is set is told, what is senseless refused."""
    names = {one["hostname"]: one for one in client.json("devices", "list")}
    assert set(names) == {"alpha", "beta"}
    assert {one["hostname"] for one in client.json("devices", "list", "-a")} == {"alpha", "beta", "gamma"}
    assert (names["alpha"]["type"], names["alpha"]["state"], names["alpha"]["health"]) == ("bench", "Idle", "Good")
    shown = client.json("devices", "show", "alpha")
    assert {key: shown[key] for key in ("hostname", "device_type", "health", "current_job", "has_device_dict")} == {
        "hostname": "alpha",
        "device_type": "bench",
        "health": "Good",
        "current_job": None,
        "has_device_dict": False,
    }
    assert sorted(shown["tags"]) == ["big", "kvm"]
    assert client.text("devices", "show", "alpha").startswith("name        : alpha")
    client.run("devices", "update", "beta", "--health", "BAD", "--description", f"by {client.version}")
    changed = client.json("devices", "show", "beta")
    assert (changed["health"], changed["description"]) == ("Bad", f"by {client.version}")
    client.run("devices", "update", "beta", "--health", "UNKNOWN")
    refused = client.run("devices", "update", "beta", "--health", "LOOPING", status=1)
    assert "400" in refused.stderr + refused.stdout
    stranger = client.run("-i", "nobody", "devices", "update", "beta", "--health", "GOOD", status=1)
    assert "401" in stranger.stderr + stranger.stdout
    assert client.json("devices", "show", "beta")["health"] == "Unknown"
    assert client.run("devices", "dict", "get", "alpha", status=1).stdout == "" or client.version == "1.2"
    assert client.run("devices", "show", "nowhere", status=1)


def test_tags_and_types(client: Lavacli) -> None:
    """Tags are listed, added and taken away; types and their devices are told."""
    assert sorted(client.lines("devices", "tags", "list", "alpha")[1:]) == ["* big", "* kvm"]
    client.run("devices", "tags", "add", "alpha", "usb3")
    assert "* usb3" in client.lines("devices", "tags", "list", "alpha")
    assert client.json("tags", "show", "usb3")["devices"] == ["alpha"]
    client.run("devices", "tags", "delete", "alpha", "usb3")
    assert {one["name"] for one in client.json("tags", "list")} == {"big", "kvm"}
    types = {one["name"]: one["devices"] for one in client.json("device-types", "list")}
    assert types == {"bench": 1, "board": 1}
    shown = client.json("device-types", "show", "bench")
    assert (shown["name"], shown["devices"], shown["aliases"]) == ("bench", ["alpha"], [])
    assert client.json("aliases", "list") == []


def test_workers(client: Lavacli) -> None:
    """Item 47: this lab controller is the one worker: shown, described, in maintenance, active again."""
    names = client.lines("workers", "list")
    (name,) = [line.removeprefix("* ") for line in names if line.startswith("* ")]
    shown = client.json("workers", "show", name)
    assert (shown["hostname"], shown["state"], shown["health"]) == (name, "Online", "Active")
    assert set(shown["devices"]) == {"alpha", "beta"}
    client.run("workers", "update", name, "--description", "the cellar")
    client.run("workers", "maintenance", name)
    paused = client.json("workers", "show", name)
    assert (paused["health"], paused["description"]) == ("Maintenance", "the cellar")
    client.run("system", "active")
    assert client.json("workers", "show", name)["health"] == "Active"
    client.run("system", "maintenance")
    assert client.json("workers", "show", name)["health"] == "Maintenance"
    client.run("system", "active")


def test_system(client: Lavacli, bare: Lab) -> None:
    """Item 8: the version, who one is, and what may be called, sorted and with help."""
    assert client.text("system", "version").startswith("20")
    assert client.text("system", "whoami") == "admin\n"
    methods = client.lines("system", "methods", "list")
    assert methods == sorted(methods) and "scheduler.jobs.submit" in methods
    assert client.text("system", "methods", "help", "scheduler.jobs.submit").strip()
    assert client.text("system", "methods", "signature", "scheduler.jobs.submit").strip()


def test_queue(client: Lavacli, bare: Lab, tmp_path: Path) -> None:
    """Item 26: what waits is in the queue, by type, until it is cancelled."""
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(job(definition(["true"]))))
    (number,) = client.lines("jobs", "submit", str(file))
    assert [str(one["id"]) for one in client.json("jobs", "queue")] == [number]
    assert client.json("jobs", "queue", "board") == []
    assert client.json("jobs", "queue", "bench")[0]["requested_device_type"] == "bench"
    shown = client.json("jobs", "show", number)
    assert (shown["state"], shown["device"], shown["start_time"]) == ("Submitted", None, None)
    assert "404" in str(client.run("jobs", "config", number, "--dest", str(tmp_path / "c"), status=1))
    client.run("jobs", "cancel", number)
    assert client.json("jobs", "queue") == []
    assert client.json("jobs", "show", number)["health"] == "Canceled"


def test_maintenance_by_force(site: Site, newest: Lavacli, tmp_path: Path) -> None:
    """Item 45: a device that runs a job is cleared of it, and it is waited for."""
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(job(definition(["echo begun", "while :; do sleep 0.1; done"]))))
    with ExitStack() as stack:
        (number,) = newest.lines("jobs", "submit", str(file))
        stack.callback(newest.run, "jobs", "cancel", number)
        until(lambda: newest.json("jobs", "show", number)["state"] == "Running", "the job to run", 30)
        device = newest.json("jobs", "show", number)["device"]
        newest.run("devices", "maintenance", device, "--force", "--reason", "new fan")
        shown = newest.json("jobs", "show", number)
        assert (shown["state"], shown["health"]) == ("Finished", "Canceled")
        changed = newest.json("devices", "show", device)
        assert (changed["health"], changed["current_job"]) == ("Maintenance", None)
        assert site.lab.call("GET", f"/systems/{device}").json["reason"] == "new fan"
        newest.run("devices", "update", device, "--health", "GOOD")
