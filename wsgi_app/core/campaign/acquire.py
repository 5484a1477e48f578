"""Which targets a test gets: those that it lists, or as many as are to be had of a file. Source: jobs-contest.md 8.

Nothing is kept for a test that has to wait: a target that cannot be had now is one that it does without.
"""

import csv
import ipaddress
import json
import random
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from wsgi_app.campaign import Target, TargetFile, TargetList
from wsgi_app.core.allowance import load_allowance
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.sources import CannotRead, Sources
from wsgi_app.core.submission import MOST_RECIPES
from wsgi_app.states import SystemHealth
from wsgi_app.store import recipes, systems

#: what is said of a target that cannot be had; None: it can
Obstacle = Callable[[Target], str | None]

_HEALTH = {SystemHealth.BAD: "broken", SystemHealth.MAINTENANCE: "in maintenance", SystemHealth.RETIRED: "retired"}


class CannotAcquire(Exception):
    """The targets of a test cannot be had now; its words are for who submitted it."""


def choose(change: Change, ground: Ground, source: TargetList | TargetFile) -> tuple[Target, ...]:
    """Return the targets of a test, each the name of a system that is free, or raise `CannotAcquire`.

    Whether it asks for work does not matter: it is reserved.
    """
    found = _chosen(change, ground, source)
    refusal = load_allowance(change.tx).refusal(len(found)) if found else None
    if refusal is not None:
        raise CannotAcquire(refusal)
    return found


def _chosen(change: Change, ground: Ground, source: TargetList | TargetFile) -> tuple[Target, ...]:
    obstacle = _obstacles(change.tx)
    if isinstance(source, TargetFile):
        return _some(_hosts(ground, source), source, obstacle)
    names = [target.id for target in source.targets]
    for place, target in enumerate(source.targets):
        why = obstacle(target)
        if why is None and target.id in names[:place]:
            why = f"target {_quoted(target)} is named twice"
        if why is not None:
            raise CannotAcquire(why)
    return source.targets


def _some(hosts: list[Target], source: TargetFile, obstacle: Obstacle) -> tuple[Target, ...]:
    """Return as many of these hosts as can be had, and are wanted."""
    if len(hosts) < source.least:
        raise CannotAcquire(
            f"not enough hosts found in CSV file '{source.file}', want {source.least}, got {len(hosts)}"
        )
    if source.shuffle:
        random.shuffle(hosts)
    most = min(source.most, MOST_RECIPES)
    found: list[Target] = []
    reason: str | None = None
    for host in hosts:
        if len(found) == most:
            break
        why = obstacle(host)
        if why is None:
            found.append(host)
        reason = reason or why
    if len(found) < source.least:
        words = f": {reason}" if reason else ""
        raise CannotAcquire(f"can't lock enough targets, want {source.least}, got {len(found)}{words}")
    return tuple(found)


def _hosts(ground: Ground, source: TargetFile) -> list[Target]:
    """Return the hosts of a file that its prefixes admit, each once, in their order."""
    found: dict[str, Target] = {}
    for target in _rows(ground, source.file):
        label = target.fqdn.partition(".")[0]
        # one without a name in full has no prefix that could be asked for
        if not source.prefixes or (target.fqdn and label.startswith(source.prefixes)):
            found.setdefault(target.id, target)
    return list(found.values())


def _rows(ground: Ground, file: str) -> Iterator[Target]:
    try:
        text = Sources(ground.config).table(file).decode("utf-8-sig")
        reader = csv.reader(text.splitlines(keepends=True), strict=True)
        for row in reader:
            if row:
                yield _target(row, f"CSV file '{file}', line {reader.line_num}")
    except CannotRead as error:
        raise CannotAcquire(str(error)) from None
    except UnicodeDecodeError:
        raise CannotAcquire(f"CSV file '{file}' is not UTF-8") from None
    except csv.Error as error:
        raise CannotAcquire(f"CSV file '{file}' cannot be read: {error}") from None


def _target(row: list[str], where: str) -> Target:
    if len(row) != 4:
        raise CannotAcquire(f"{where}: need 4 columns (ID, FQDN, IPv4, IPv6), got {len(row)}")
    name, fqdn, ipv4, ipv6 = (value.strip() for value in row)
    if not name:
        raise CannotAcquire(f"{where}: a target needs an ID")
    for value, kind in ((ipv4, ipaddress.IPv4Address), (ipv6, ipaddress.IPv6Address)):
        try:
            if value:
                kind(value)
        except ValueError:
            raise CannotAcquire(f"{where}: invalid {kind.__name__[:4]} address {json.dumps(value)}") from None
    return Target(name, fqdn, ipv4, ipv6)


def _obstacles(tx: Connection) -> Obstacle:
    """Return what tells why a target cannot be had, as the lab is now."""
    lab = {system.name: system for system in systems.load_systems(tx)}

    def obstacle(target: Target) -> str | None:
        system = lab.get(target.id)
        if system is None:
            return f"target {_quoted(target)} is unknown: there is no system {json.dumps(target.id)}"
        if system.recipe is not None:
            return f"target {_quoted(target)} is already locked by {recipes.job_of(tx, system.recipe)}"
        if not system.health.usable:
            words = f": {system.reason}" if system.reason else ""
            return f"target {_quoted(target)} is {_HEALTH[system.health]}{words}"
        return None

    return obstacle


def _quoted(target: Target) -> str:
    """Return a target as ConTest's messages quote it: whoever waits for one looks for its ID in them."""
    parts = (("ID", target.id), ("FQDN", target.fqdn), ("PrimaryIPv4", target.ipv4), ("PrimaryIPv6", target.ipv6))
    inner = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in parts if value)
    return json.dumps(f"Target{{{inner}}}", ensure_ascii=False)
