"""The gate is the database's image: keys, addresses, rotation, and what a restored database finds."""

import base64
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from campaigning import NOOP, a_test

from wsgi_app.campaign import Campaign
from wsgi_app.core.change import Change
from wsgi_app.core.gateway import open_gateway
from wsgi_app.errors import Denied, Unauthenticated, Unavailable
from wsgi_app.model import Caller
from wsgi_app.services.timer import GATE_ROUNDS, Timer
from wsgi_app.states import Visibility
from wsgi_app.submitted import NewRecipe, NewRecipeSet


def recipe(bench: Any, one: NewRecipe, **job: Any) -> int:
    """Submit a recipe and return its id."""
    number: int = bench.submit(NewRecipeSet((one,)), **job).recipe_sets[0].recipes[0].id
    return number


def key(bench: Any, number: int, *, rotate: bool = False) -> Caller:
    """One more key, as a harness that carries it."""
    return Caller(f"Bearer {bench.gateway.recipes.issue_key(bench.admin, number, rotate=rotate).secret}", "192.0.2.9")


def test_keys_add_up(bench: Any, one: NewRecipe) -> None:
    """Every key is good beside the others, in both forms, until a rotation leaves the newest alone."""
    number = recipe(bench, one)
    keys = [key(bench, number) for _ in range(3)]
    assert len(bench.gate(number)) == 6
    basic = [
        Caller("Basic " + base64.b64encode(f"{number}:{(one.authorization or '')[7:]}".encode()).decode(), one.address)
        for one in keys
    ]
    for place, caller in enumerate([*keys, *basic]):
        assert bench.put(caller, number, f"log-{place}")
    newest = key(bench, number, rotate=True)
    assert len(bench.gate(number)) == 2
    for caller in [*keys, *basic]:
        with pytest.raises(Denied):
            bench.put(caller, number, "log-0")
    assert not bench.put(newest, number, "log-0")


@pytest.mark.parametrize("open_gate", [False, True])
@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("address", [None, "192.0.2.1"])
def test_the_first_gate(bench: Any, one: NewRecipe, open_gate: bool, visibility: Visibility, address: str) -> None:
    """What a recipe has when it is given to a system is all that the database says."""
    bench.gateway.close()
    bench.gateway = open_gateway(evolve(bench.config, open_gate=open_gate), bench.clock)
    bench.gateway.systems.change(bench.admin, "a", address=address)
    first = recipe(bench, one, visibility=visibility)
    bench.gateway.systems.claim(bench.admin, "a", wait=0)
    bench.run(first)
    bench.gateway.recipes.settle(first)
    campaign = Campaign((a_test(targets=["a"]),), (NOOP,))
    second = bench.submit(campaign=campaign, visibility=visibility).recipe_sets[0].recipes[0].id
    shown = bench.gate(second) if any((open_gate, visibility is Visibility.PRIVATE, address)) else []
    assert not bench.gateway.drift.look(0.0)
    bench.gateway.gate_image.rebuild()
    rebuilt = bench.gate(second) if shown else []
    assert sorted(shown) == sorted(rebuilt)
    assert len(shown) == open_gate + (visibility is Visibility.PRIVATE) + (address is not None)


def test_address(bench: Any, one: NewRecipe) -> None:
    """A recipe's system may write from its address, from the new one when that changes, and not after settling."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    number = recipe(bench, one)
    bench.claim("a")
    assert bench.put(Caller(None, "192.0.2.1"), number, "log")
    bench.gateway.systems.change(bench.admin, "a", address="2001:db8::1")
    assert not bench.put(Caller(None, "2001:db8::1"), number, "log")
    assert "ip-192.0.2.1" not in bench.gate(number)
    bench.run(number)
    bench.gateway.recipes.settle(number)
    assert not any(name.startswith("ip-") for name in bench.gate(number))


def test_open(bench: Any, one: NewRecipe) -> None:
    """With an open gate anyone may; when the setting is taken back, the next rebuild closes it."""
    gateway = open_gateway(evolve(bench.config, open_gate=True), bench.clock)
    number = recipe(evolve(bench, gateway=gateway), one)
    gateway.recipes.issue_key(bench.admin, number)
    assert bench.put(Caller(None, "192.0.2.1"), number, "log")
    gateway.close()
    bench.gateway.gate_image.rebuild()
    assert "open" not in bench.gate(number)


def test_settled_too(bench: Any, one: NewRecipe) -> None:
    """The timer makes the gate of settled recipes once at its start: a restored database may have none."""
    numbers = []
    for _ in range(3):
        number = recipe(bench, one)
        key(bench, number)
        bench.run(number)
        bench.gateway.recipes.settle(number)
        numbers.append(number)
    before = {number: bench.gate(number) for number in numbers}
    assert all("closed" in names for names in before.values())
    for number in numbers:
        for path in (bench.config.gate / str(number)).iterdir():
            path.unlink()
    (bench.config.gate / str(numbers[0]) / "open").touch()
    timer = Timer(bench.gateway)
    for _ in range(3):
        timer.round()
    assert {number: bench.gate(number) for number in numbers} == before


def stray(root: Path, number: int) -> Path:
    """Leave a gate that nobody knows of."""
    directory = root / str(number)
    directory.mkdir()
    (directory / ("key-" + "0" * 40)).touch()
    return directory


def test_strangers(bench: Any, one: NewRecipe) -> None:
    """The gate of recipes that the database does not know is taken away; what is no recipe's is left alone."""
    number = recipe(bench, one)
    key(bench, number)
    before = bench.gate(number)
    directory = stray(bench.config.gate, 4711)
    bench.gateway.strays.set_aside()
    assert not directory.exists()
    assert bench.gate(number) == before


def test_an_id_given_out_again(bench: Any, one: NewRecipe) -> None:
    """A recipe begins with a gate of its own, whatever a recipe of that id has left there."""
    number = recipe(bench, one)
    stray(bench.config.gate, number)
    key(bench, number)
    assert "key-" + "0" * 40 not in bench.gate(number)
    assert len(bench.gate(number)) == 2


def test_the_next_on_its_system(bench: Any, one: NewRecipe) -> None:
    """While an aborted recipe still takes logs, its system's address speaks for the next recipe there and no other."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    first, second = recipe(bench, one, visibility=Visibility.PRIVATE), recipe(bench, one)
    harness = bench.claim("a")
    bench.gateway.recipes.abort(bench.admin, first, "enough")
    system = Caller(None, "192.0.2.1")
    assert bench.put(system, first, "late")
    bench.claim("a")
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            bench.put(system, first, "forged")
        with pytest.raises(Unauthenticated):
            bench.gateway.recipes.get(system, first)
        assert bench.put(system, second, "own") in (True, False)
        bench.gateway.gate_image.rebuild()
    assert bench.put(harness, first, "by key")


def test_killed_before_the_gate(bench: Any, one: NewRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process did not show at the gate, since it was killed right after its commit, the next rebuild shows."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    number = recipe(bench, one)
    bench.claim("a")
    bench.run(number)
    with monkeypatch.context() as killed:
        killed.setattr(Change, "show", lambda *_: None)
        bench.gateway.recipes.settle(number)
    (bench.config.gate / str(number) / "closed").unlink()
    assert "ip-192.0.2.1" in bench.gate(number)
    bench.gateway.gate_image.rebuild()
    assert "ip-192.0.2.1" not in bench.gate(number)
    assert "closed" in bench.gate(number)


def test_one_gate_that_cannot_be_made(bench: Any, one: NewRecipe) -> None:
    """It keeps neither the others' gates from being mended nor watchdogs from expiring."""
    first, second = recipe(bench, one), recipe(bench, evolve(one, system="b"))
    for number in (first, second):
        key(bench, number)
    (bench.config.gate / str(first) / "directory").mkdir()
    (bench.config.gate / str(second) / "open").touch()
    bench.clock.now += 1800
    timer = Timer(bench.gateway)
    for _ in range(GATE_ROUNDS + 1):
        timer.round()
    assert "open" not in bench.gate(second)
    assert bench.recipe(first).reason == "External Watchdog Expired"


def test_stray_logs(bench: Any, one: NewRecipe) -> None:
    """Logs of recipes that the database does not know are set aside: who gets the id begins with none."""
    number = recipe(bench, one)
    stray_log = bench.config.logs / str(number + 100) / "logs" / "secret.log"
    stray_log.parent.mkdir(parents=True)
    stray_log.write_text("secret")
    bench.put(key(bench, number), number, "own")
    bench.gateway.strays.set_aside()
    assert not stray_log.exists()
    (aside,) = bench.config.strays.iterdir()
    assert (aside / "logs" / "secret.log").read_text() == "secret"
    assert (bench.config.logs / str(number) / "logs" / "own").read_text() == "x"
    bench.gateway.strays.set_aside()
    assert list(bench.config.strays.iterdir()) == [aside]


def test_not_the_older_again(bench: Any, one: NewRecipe) -> None:
    """An older recipe in its grace does not get the address back when the newer one is settled, moved or removed."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    first, second = recipe(bench, one), recipe(bench, one)
    bench.claim("a")
    bench.gateway.recipes.abort(bench.admin, first, "enough")
    bench.claim("a")
    bench.run(second)
    bench.gateway.recipes.settle(second)
    bench.gateway.recipes.close_logs()
    bench.gateway.gate_image.rebuild()
    for number in (first, second):
        assert not any(name.startswith("ip-") for name in bench.gate(number))
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.2")
    assert not any(name.startswith("ip-") for name in bench.gate(first))


@pytest.mark.parametrize("how", ["moved", "removed"])
def test_an_idle_systems_address(bench: Any, one: NewRecipe, how: str) -> None:
    """A recipe in its grace follows the address of its system, and loses it with the system."""
    bench.gateway.systems.change(bench.admin, "a", address="192.0.2.1")
    number = recipe(bench, one)
    bench.claim("a")
    bench.gateway.recipes.abort(bench.admin, number, "enough")
    if how == "moved":
        bench.gateway.systems.change(bench.admin, "a", address="192.0.2.2")
    else:
        bench.gateway.systems.remove(bench.admin, "a")
    found = {name for name in bench.gate(number) if name.startswith("ip-")}
    assert found == ({"ip-192.0.2.2"} if how == "moved" else set())
    with pytest.raises(Unauthenticated):
        bench.put(Caller(None, "192.0.2.1"), number, "log")


def test_gates_behind_one_that_fails(bench: Any, one: NewRecipe) -> None:
    """When one gate cannot be written, those behind it are, in the same change."""
    first, second = recipe(bench, one), recipe(bench, evolve(one, system="b"))
    for number in (first, second):
        key(bench, number)
    for path in (bench.config.gate / str(first)).iterdir():
        path.unlink()
    (bench.config.gate / str(first)).rmdir()
    (bench.config.gate / str(first)).touch()
    for number in (first, second):
        try:
            bench.gateway.recipes.abort(bench.admin, number, "enough")
        except Unavailable:
            assert number == first
    bench.clock.now += 60
    with pytest.raises(Unavailable):
        bench.gateway.recipes.close_logs()
    assert "closed" in bench.gate(second)
