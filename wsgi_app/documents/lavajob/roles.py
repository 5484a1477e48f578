"""Which systems a LAVA job asks for: one, or those of the roles of a group (`protocols.lava-multinode`)."""

from typing import Any

from attrs import field, frozen

from wsgi_app.core.excerpt import short
from wsgi_app.core.submission import MOST_RECIPES
from wsgi_app.documents.lavajob.fields import Fields, Reading
from wsgi_app.documents.lavajob.methods import NO_PROTOCOLS
from wsgi_app.documents.lavajob.timeouts import Timeouts, seconds_of
from wsgi_app.errors import BadLavaJob
from wsgi_app.model import Requires

_LONE = ("device_type", "device", "tags", "context")


@frozen
class Role:
    """Systems that do the same in a job; `name` is None when there is only one of them and no group."""

    name: str | None
    requires: Requires
    system: str | None = None
    count: int = 1
    environment: dict[str, str] = field(factory=dict)


@frozen
class Cast:
    """All roles of a job, and the seconds for which its systems wait for one another (None: as long as it runs)."""

    roles: tuple[Role, ...]
    sync_seconds: int | None = None

    @property
    def group(self) -> bool:
        """True when the job is one of a group of systems."""
        return self.roles[0].name is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles of a group."""
        return tuple(role.name for role in self.roles if role.name is not None)

    @property
    def counts(self) -> dict[str, int]:
        """How many systems each role of a group has."""
        return {role.name: role.count for role in self.roles if role.name is not None}


def read_cast(fields: Fields, timeouts: Timeouts, reading: Reading) -> Cast:
    """Read which systems the job of these fields asks for."""
    protocols = fields.section("protocols")
    for name, why in NO_PROTOCOLS.items():
        if name in protocols:
            raise BadLavaJob(why, path=protocols.at(name))
    group = protocols.any("lava-multinode")
    protocols.close(reading)
    if group is not None:
        return _group(fields, Fields(group, protocols.at("lava-multinode")), timeouts, reading)
    system, kind = fields.text("device"), fields.text("device_type")
    if system is None and kind is None:
        raise BadLavaJob("it is missing: a job has a device_type, or protocols.lava-multinode", path=("device_type",))
    fields.ignore(reading, ["context"], _NO_CONTEXT)
    return Cast((Role(None, Requires(kind, fields.texts("tags")), system),))


_NO_CONTEXT = "it is for LAVA's templates of systems: it has no effect"


def _group(fields: Fields, group: Fields, timeouts: Timeouts, reading: Reading) -> Cast:
    for name in _LONE[:2]:
        if name in fields:
            raise BadLavaJob("with lava-multinode each role has its own", path=fields.at(name))
    tags = fields.texts("tags")
    fields.ignore(reading, ["context"], _NO_CONTEXT)
    seconds = None
    if "timeout" in group:
        seconds = timeouts.check(seconds_of(group.any("timeout"), group.at("timeout"), reading), group.at("timeout"))
    given = group.needed("roles")
    if type(given) is not dict or not given:
        raise BadLavaJob("expected a mapping of roles", path=group.at("roles"))
    roles = tuple(_role(name, value, group, tags, timeouts, reading) for name, value in given.items())
    if sum(role.count for role in roles) > MOST_RECIPES:
        raise BadLavaJob(f"a job has at most {MOST_RECIPES} systems", path=group.at("roles"))
    group.close(reading)
    return Cast(roles, seconds)


def _role(name: str, value: Any, group: Fields, tags: tuple[str, ...], timeouts: Timeouts, reading: Reading) -> Role:
    fields = Fields(value, group.at("roles", name))
    if not name.strip() or len(name) > _LONGEST or any(letter.isspace() for letter in name):
        raise BadLavaJob(f"{short(name)!r} is no name of a role", path=fields.path)
    if "host_role" in fields or "connection" in fields:
        raise BadLavaJob("a role without a system of its own (connected by ssh) cannot run here", path=fields.path)
    system, kind = fields.text("device"), fields.text("device_type")
    if system is None and kind is None:
        raise BadLavaJob("it is missing", path=fields.at("device_type"))
    count = fields.number("count", least=1, most=MOST_RECIPES)
    if system is not None and (count or 1) > 1:
        raise BadLavaJob(f"there is one {short(system)}", path=fields.at("count"))
    fields.ignore(reading, ["context"], _NO_CONTEXT)
    if fields.flag("essential"):
        reading.warn(fields.at("essential"), "the others go on when one of this role ends: it has no effect")
    if "timeout" in fields:
        timeouts.check(seconds_of(fields.any("timeout"), fields.at("timeout"), reading), fields.at("timeout"))
        reading.warn(fields.at("timeout"), "all roles have the time of the job: it has no effect")
    requires = Requires(kind, tuple(dict.fromkeys((*tags, *fields.texts("tags")))))
    environment = fields.environment("environment")
    fields.close(reading)
    return Role(name, requires, system, count or 1, environment)


_LONGEST = 255
