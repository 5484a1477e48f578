"""What a notification must be to be stored, whatever document it came in."""

import re
from urllib.parse import urlsplit

from wsgi_app.conditions import Where
from wsgi_app.errors import Invalid
from wsgi_app.notification import Callback, Method, Notify, Recipient, When
from wsgi_app.store import where as conditions

MOST_RECIPIENTS = 20
MOST_CALLBACKS = 10
#: names of a comparison's blacklist
MOST_NAMES = 100
#: characters of a URL, of a token, of an address, of a name
LONGEST_URL = 2000
LONGEST_TOKEN = 1000
LONGEST_ADDRESS = 320
LONGEST_NAME = 255

#: as SMTP and IRC have them, and nothing that ends a line or a word of theirs
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*", re.ASCII)
_HANDLE = re.compile(r"[A-Za-z0-9\[\]\\`_^{|}#&-]{1,64}", re.ASCII)
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?", re.ASCII)
_USER = re.compile(r"[^\x00-\x20\x7f-\xa0](?:[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?")
#: what of RFC 3986 can be called: names of hosts are in their ASCII form, and what follows has no blanks
_URL = re.compile(
    r"(?i:https?)://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?)(?::[0-9]{1,5})?(?:[/?][!-~]*)?"
)
#: RFC 9110 section 5.6.2
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
#: what frames a request, and what is ours to say of it
_FRAMING = (
    "host content-length content-type content-encoding transfer-encoding connection expect te trailer upgrade "
    "idempotency-key user-agent webhook-id webhook-timestamp webhook-signature"
)
_OURS = frozenset(_FRAMING.split())


def check(notify: Notify) -> None:
    """Raise `Invalid`, naming the field below `notify`, unless it can be done."""
    criteria = notify.criteria
    if criteria.type is not None:
        if criteria.others is not None:
            raise Invalid("a turn and a question about others exclude each other", field="notify.criteria.others")
        if criteria.status not in (When.COMPLETED, When.ABORTED):
            raise Invalid(f"a {criteria.type} is told of where a status says how it ended", field="notify.criteria")
    if criteria.others is not None:
        if criteria.status is When.ALL:
            raise Invalid("all does not go with a question about others", field="notify.criteria.others")
        _where(criteria.others, "notify.criteria.others")
    _few(len(notify.recipients), MOST_RECIPIENTS, "notify.recipients")
    _few(len(notify.callbacks), MOST_CALLBACKS, "notify.callbacks")
    for place, recipient in enumerate(notify.recipients):
        check_recipient(recipient, f"notify.recipients[{place}]")
    for place, callback in enumerate(notify.callbacks):
        check_callback(callback, f"notify.callbacks[{place}]")
    if notify.compare is not None:
        _few(len(notify.compare.blacklist), MOST_NAMES, "notify.compare.blacklist")
        if any(len(name) > LONGEST_NAME for name in notify.compare.blacklist):
            raise Invalid(f"a name has at most {LONGEST_NAME} characters", field="notify.compare.blacklist")
        if notify.compare.base is not None:
            _where(notify.compare.base, "notify.compare.base")


def check_recipient(recipient: Recipient, where: str) -> None:
    """Raise `Invalid`, naming the field, unless messages can be sent there."""
    if recipient.method is Method.CALLBACK:
        raise Invalid("a recipient gets mail, or is on IRC", field=f"{where}.method")
    someone = recipient.system_owner or recipient.user is not None
    if recipient.user is not None:
        check_user(recipient.user, f"{where}.user")
    if recipient.email is not None:
        check_email(recipient.email, f"{where}.email")
    if recipient.handle is not None:
        check_handle(recipient.handle, f"{where}.handle")
    if recipient.server is not None:
        check_server(recipient.server, f"{where}.server")
    if recipient.method is Method.EMAIL and not someone and recipient.email is None:
        raise Invalid("who gets mail is a user or an address", field=where)
    if recipient.method is Method.IRC and not someone and None in (recipient.handle, recipient.server):
        raise Invalid("who is on IRC is a user, or a handle and a server", field=where)


def check_callback(callback: Callback, where: str) -> None:
    """Raise `Invalid`, naming the field, unless it is a request that can be made."""
    if len(callback.url) > LONGEST_URL:
        raise Invalid(f"a URL has at most {LONGEST_URL} characters", field=f"{where}.url")
    try:
        right = _URL.fullmatch(callback.url) is not None and (urlsplit(callback.url).port or 1) > 0
    except ValueError:
        right = False
    if not right:
        raise Invalid(
            "a callback is a URL as http://HOST[:PORT]/PATH or https, in ASCII, without a user and a password",
            field=f"{where}.url",
        )
    if callback.method not in ("GET", "POST"):
        raise Invalid("a callback is a GET or a POST", field=f"{where}.method")
    if not _HEADER.fullmatch(callback.header) or callback.header.lower() in _OURS:
        raise Invalid("this is no name of a header for a token", field=f"{where}.header")
    token = callback.token
    if token is not None and not (token.isprintable() and token.isascii() and 0 < len(token) <= LONGEST_TOKEN):
        raise Invalid(f"a token has 1 to {LONGEST_TOKEN} ASCII letters, digits and signs", field=f"{where}.token")


def check_user(user: str, where: str) -> None:
    """Raise `Invalid`, naming the field, unless a user could be called so: as tokens have it."""
    if len(user) > LONGEST_NAME or not _USER.fullmatch(user):
        raise Invalid(
            f"a user's name has 1 to {LONGEST_NAME} characters, no control characters, and no space at its ends",
            field=where,
        )


def check_email(email: str, where: str) -> None:
    """Raise `Invalid`, naming the field, unless mail could go there."""
    if len(email) > LONGEST_ADDRESS or not _EMAIL.fullmatch(email):
        raise Invalid("a mail address is NAME@DOMAIN, in ASCII", field=where)


def check_handle(handle: str, where: str) -> None:
    """Raise `Invalid`, naming the field, unless it is a name on IRC."""
    if not _HANDLE.fullmatch(handle):
        raise Invalid("an IRC handle has 1 to 64 letters, digits and []\\`_^{|}-", field=where)


def check_server(server: str, where: str) -> None:
    """Raise `Invalid`, naming the field, unless it is a host, with a port or without."""
    if not _SERVER.fullmatch(server):
        raise Invalid("an IRC server is HOST or HOST:PORT", field=where)


def _few(number: int, most: int, where: str) -> None:
    if number > most:
        raise Invalid(f"there are at most {most}", field=where)


def _where(where: Where, field: str) -> None:
    try:
        conditions.expression(where, 0.0)
    except Invalid as error:
        raise Invalid(f"{error.field}: {error.message}" if error.field else error.message, field=field) from None
