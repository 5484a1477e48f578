"""Conditions of lists mean in the database what they mean in Python."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsgi_app.conditions import AllOf, AnyOf, Condition, Where
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.core.selection import Listed, Reference
from wsgi_app.model import Caller, Requires, System
from wsgi_app.states import SystemHealth
from wsgi_app.submitted import Document, NewJob, NewRecipe, NewRecipeSet, NewTask

TEXTS = ["", "a", "A", "ab", "aB", "Äb", "äB", "ς", "Σ", "%", "_b", "a%b", "\\", "'", '"', "日本", "ǅ", "aab"]
NOTES: list[dict[str, Any]] = [
    {},
    {"k": "a"},
    {"k": {"k": "aB", "n": -3}},
    {"k": None, "n": 7},
    {"k": True, "Äb": "Σ"},
    {"k": [1, 2]},
    {"n": 0.5, 'x"': {"\\": "日本"}},
    {"k": {"k": {"k": ""}}, "n": False},
    {"": "a%b", "k": "ǅ"},
]
KEYS = ["k", "n", "", "Äb", 'x"', "\\", "zz"]
NOW = 2_000_000.0


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Caller]]:
    """Jobs of all kinds."""
    config = Config(data=tmp_path_factory.mktemp("conditions") / "data")
    now = [1_000_000.0]
    gateway = open_gateway(config, lambda: now[0])
    gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "")
    for name, kind in (("a", "Ab"), ("B", None)):
        gateway.systems.add(admin, System(name, kind, (), None, SystemHealth.GOOD, None, None, None, None))
    for number, text in enumerate(TEXTS * 2):
        now[0] += 7.25
        task = (NewTask("t"),)
        recipe = NewRecipe(task, "aB"[number % 2]) if number % 3 else NewRecipe(task, requires=_requires(text))
        peers = (recipe, NewRecipe(task)) if number % 5 == 0 else (recipe,)
        new = NewJob(
            (NewRecipeSet(peers),),
            name=text,
            priority=number % 4,
            metadata=NOTES[number % len(NOTES)],
            document=Document("text/plain", text * 2) if number % 2 else None,
        )
        job = gateway.jobs.submit(admin, _returning(new))
        if number % 4 == 1:
            gateway.systems.claim(admin, "B", wait=0)
            gateway.recipes.abort(admin, job.recipe_sets[0].recipes[0].id, text)
        elif number % 4 == 2:
            gateway.jobs.cancel(admin, job.id)
    now[0] = NOW
    yield gateway, admin
    gateway.close()


def _returning(new: NewJob) -> Callable[[], NewJob]:
    return lambda: new


def _requires(text: str) -> Requires:
    return Requires(text or None, tuple(sorted({text, "t"} - {""})))


def value_of(listed: Listed, gateway: Gateway, admin: Caller, field: str) -> Any:
    """Return what a field of a recipe is."""
    recipe, job = listed.recipe, listed.job
    special: dict[str, Callable[[], Any]] = {
        "set": lambda: recipe.recipe_set,
        "system": lambda: recipe.system if recipe.assigned is not None else None,
        "type": lambda: listed.type,
        "tag": lambda: list(recipe.requires.tags),
        "duration": lambda: None if recipe.started is None else (recipe.finished or NOW) - recipe.started,
        "peers_placed": lambda: listed.peers_placed,
        "document": lambda: _kept(gateway, admin, job.id),
    }
    if field in special:
        return special[field]()
    where = job if field in ("name", "owner", "verdict", "priority", "submitted", "visibility", "metadata") else recipe
    return getattr(where, field)


def _kept(gateway: Gateway, admin: Caller, job: int) -> str | None:
    found = gateway.selections.submitted(admin, Reference("any", job)).document
    return found.text if found.kind == "text/plain" else None


def holds(where: Where, listed: Listed, gateway: Gateway, admin: Caller) -> bool:
    """Say in Python whether a condition is true."""
    if isinstance(where, AllOf):
        return all(holds(one, listed, gateway, admin) for one in where.conditions)
    if isinstance(where, AnyOf):
        return any(holds(one, listed, gateway, admin) for one in where.options)
    value = value_of(listed, gateway, admin, where.field)
    if where.field == "tag":
        if where.lookup == "isnull":
            return (not value) is where.value
        return any(_compare(tag, where.lookup, where.value) for tag in value)
    if where.field == "metadata":
        return _notes(value, where)
    return _compare(value, where.lookup, where.value)


def _notes(value: Any, where: Condition) -> bool:
    if where.lookup == "contains" and isinstance(where.value, dict):
        return _contains(_at(value, where.path), where.value)
    if where.lookup.startswith("has_"):
        there = _at(value, where.path)
        keys = set(there) if isinstance(there, dict) else set()
        if where.lookup == "has_key":
            return where.value in keys
        return set(where.value) <= keys if where.lookup == "has_keys" else bool(set(where.value) & keys)
    found = _at(value, where.path)
    if where.lookup == "isnull":
        return (found is None) is where.value
    if found is None or isinstance(found, dict | list):
        return False
    return _compare(found if isinstance(found, str) else json.dumps(found), where.lookup, where.value)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _contains(there: Any, wanted: dict[str, Any]) -> bool:
    if not isinstance(there, dict):
        return False
    for key, value in wanted.items():
        if key not in there:
            return False
        if isinstance(value, dict):
            if not _contains(there[key], value):
                return False
        elif type(there[key]) is not type(value) or there[key] != value:
            return False
    return True


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda found, value: found == value,
    "in": lambda found, value: found in value,
    "lt": lambda found, value: found < value,
    "lte": lambda found, value: found <= value,
    "gt": lambda found, value: found > value,
    "gte": lambda found, value: found >= value,
    "contains": lambda found, value: value in found,
    "startswith": lambda found, value: found.startswith(value),
    "endswith": lambda found, value: found.endswith(value),
}


def _compare(found: Any, lookup: str, value: Any) -> bool:
    if lookup == "isnull":
        return (found is None) is value
    if found is None:
        return False
    if lookup in ("iexact", "icontains", "istartswith", "iendswith"):
        return _COMPARE[lookup[1:]](found.lower(), value.lower())
    return _COMPARE[lookup](found, value)


TEXT = [*("exact", "contains", "startswith", "endswith"), *("iexact", "icontains", "istartswith", "iendswith")]
texts = st.sampled_from([*TEXTS, "Completed", "Aborted", "Queued", "admin", "Ab", "true", "-3", "0.5", "admin", "B"])
keys = st.sampled_from(KEYS)


def _one(field: str, lookups: list[str], values: st.SearchStrategy[Any], nullable: bool) -> st.SearchStrategy[Where]:
    options: list[st.SearchStrategy[Where]] = [
        st.builds(Condition, st.just(field), st.sampled_from(lookups), values),
        st.builds(Condition, st.just(field), st.just("in"), st.lists(values, max_size=4)),
    ]
    if nullable:
        options.append(st.builds(Condition, st.just(field), st.just("isnull"), st.booleans()))
    return st.one_of(options)


_TEXT_FIELDS = ["name", "owner", "system", "type", "tag", "status", "result", "cause", "reason", "verdict", "document"]
_NUMBER_FIELDS = ["id", "job", "set", "priority", "submitted", "started", "finished", "duration"]
numbers_ = st.one_of(st.integers(-1, 120), st.sampled_from([1_000_000 + 7.25 * step for step in range(0, 40, 3)]))
paths = st.lists(keys, min_size=1, max_size=3).map(tuple)
leaves = st.sampled_from(["a", "aB", "日本", 7, -3, True, False, None])
objects = st.recursive(
    st.dictionaries(keys, leaves, max_size=2), lambda inner: st.dictionaries(keys, inner, max_size=2), max_leaves=3
)
notes = st.one_of(
    st.builds(Condition, st.just("metadata"), st.sampled_from(TEXT), texts, paths),
    st.builds(Condition, st.just("metadata"), st.just("in"), st.lists(texts, max_size=3), paths),
    st.builds(Condition, st.just("metadata"), st.just("isnull"), st.booleans(), paths),
    st.builds(Condition, st.just("metadata"), st.just("has_key"), keys, st.one_of(st.just(()), paths)),
    st.builds(
        Condition,
        st.just("metadata"),
        st.sampled_from(["has_keys", "has_any_keys"]),
        st.lists(keys, max_size=3),
        st.one_of(st.just(()), paths),
    ),
    st.builds(Condition, st.just("metadata"), st.just("contains"), objects, st.one_of(st.just(()), paths)),
)
flags = st.builds(
    Condition, st.sampled_from(["settled", "cancelling", "peers_placed"]), st.just("exact"), st.booleans()
)
single = st.one_of(
    st.sampled_from(_TEXT_FIELDS).flatmap(lambda field: _one(field, TEXT, texts, nullable=True)),
    st.sampled_from(_NUMBER_FIELDS).flatmap(
        lambda field: _one(field, ["exact", "lt", "lte", "gt", "gte"], numbers_, nullable=True)
    ),
    flags,
    notes,
)
conditions: st.SearchStrategy[Where] = st.recursive(
    single,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: AnyOf(tuple(found))),
        st.lists(inner, max_size=3).map(lambda found: AllOf(tuple(found))),
    ),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(where=st.lists(conditions, max_size=2))
def test_like_python(stand: tuple[Gateway, Caller], where: list[Where]) -> None:
    """Whatever the conditions are, the list and its count have those recipes of which they are true in Python."""
    gateway, admin = stand
    everything = gateway.listing.page(admin)
    wanted = [one for one in everything if all(holds(single, one, gateway, admin) for single in where)]
    assert list(gateway.listing.page(admin, where)) == wanted
    assert gateway.listing.count(admin, where) == len(wanted)
