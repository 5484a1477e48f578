"""Logs that httpd writes alone: how large they have become, taken into the database, of many in one transaction."""

from collections.abc import Collection, Mapping

from wsgi_app.core import gate, loglimits
from wsgi_app.core.change import Change, Ground
from wsgi_app.core.logname import parse_path
from wsgi_app.model import LogAddress
from wsgi_app.states import LogState
from wsgi_app.store import growth, logs


def store(change: Change, sizes: Mapping[tuple[int, str], int]) -> None:
    """Note how large logs are by now (recipe and path: bytes); register those that Apache made alone."""
    known = growth.known(change.tx, sizes)
    # no event: growing is a state, and a large log grows a thousand times
    grown = {one: sizes[one] for one, log in known.items() if log.size != sizes[one]}
    growth.set_sizes(change.tx, grown)
    for recipe, path in grown:
        if known[recipe, path].awaited:
            # what was found before is not what is there: if it was sealed, an upload was under way
            logs.set_log(change.tx, recipe, path, sha256=None)
            change.revoke(recipe, gate.sealed_name(parse_path(recipe, path)))
    _register(change, {one: size for one, size in sizes.items() if size > 0 and one not in known})


def _register(change: Change, sizes: Mapping[tuple[int, str], int]) -> None:
    """Register logs that core has not heard of, where what they belong to is there."""
    if not sizes:
        return
    jobs = growth.jobs_of(change.tx, {recipe for recipe, _ in sizes})
    unknown = [parse_path(recipe, path) for recipe, path in sizes if recipe in jobs]
    owners = growth.recipes_of(change.tx, {one.task for one in unknown if one.task is not None})
    new = [one for one in unknown if one.task is None or owners.get(one.task) == one.recipe]
    logs.insert_logs(change.tx, new, change.now)
    growth.set_sizes(change.tx, {_key(one): sizes[_key(one)] for one in new})
    for one in new:
        change.log_event(jobs[one.recipe], one.recipe, one.path, LogState.GROWING, sizes[_key(one)])


def _key(address: LogAddress) -> tuple[int, str]:
    return address.recipe, address.path


def weigh(ground: Ground, numbers: Collection[int]) -> None:
    """Say of those of the recipes that have as many bytes of logs as they may that they do, once each.

    It adds up all logs of these recipes: not to be done at each change.
    """
    most = ground.config.max_recipe_bytes
    if most <= 0:
        return
    with ground.read() as tx:
        full = growth.holding(tx, list(numbers), most)
    if full:
        with ground.change() as change:
            for number in full:
                loglimits.tell_full(ground.config, change, number)
