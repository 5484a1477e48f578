"""To whom a message goes: each target once, by each method."""

from collections.abc import Callable, Iterator

from attrs import frozen

from wsgi_app.notification import Address, Callback, Method, Notify, Recipient


@frozen
class Target:
    """One receiver; or who should have been one, and why he cannot be reached."""

    method: Method
    #: a URL, an address, or HANDLE@SERVER; a user's name where it is not known where he is
    where: str
    #: tells two messages to the same receiver apart
    place: str = ""
    callback: Callback | None = None
    user: str | None = None
    refused: str | None = None


def targets(
    notify: Notify, *, owner: str, system_owner: str | None, address: Callable[[str], Address | None]
) -> list[Target]:
    """Return who is to be told, in the order of the document; `address` finds where a user is."""
    wanted = notify.recipients
    if not wanted and not notify.callbacks:
        wanted = (Recipient(Method.EMAIL, user=owner),)
    found: dict[tuple[Method, str, str], Target] = {}
    for target in (*_people(wanted, system_owner, address), *_callbacks(notify)):
        found.setdefault((target.method, target.where, target.place), target)
    return list(found.values())


def _people(
    wanted: tuple[Recipient, ...], system_owner: str | None, address: Callable[[str], Address | None]
) -> Iterator[Target]:
    for one in wanted:
        user = (system_owner or None) if one.system_owner else one.user
        if one.system_owner and user is None:
            # a system that is nobody's, or none at all
            continue
        known = None if user is None else address(user)
        if one.method is Method.EMAIL:
            where = one.email or (None if known is None else known.email)
            missing = f"where user {user} gets mail is not known: tackroom notify address"
        else:
            handle = one.handle or (None if known is None else known.irc_handle)
            server = one.server or (None if known is None else known.irc_server)
            where = f"{handle}@{server}" if handle and server else None
            missing = f"where user {user} is on IRC is not known: tackroom notify address"
        if where is not None:
            yield Target(one.method, where, user=user)
        else:
            yield Target(one.method, user or "", user=user, refused=missing)


def _callbacks(notify: Notify) -> Iterator[Target]:
    for number, callback in enumerate(notify.callbacks):
        # the same URL may be asked for twice, with other data
        yield Target(Method.CALLBACK, callback.url, place=str(number), callback=callback)
