"""What a test is run on: the target managers of a descriptor and their parameters."""

import ipaddress
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from attrs import evolve

from wsgi_app.campaign import Target, TargetFile, TargetList
from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor.fields import Fields, Raw
from wsgi_app.documents.descriptor.jsontext import plain
from wsgi_app.documents.descriptor.limits import MOST_TASKS, TARGET_ID, check_length
from wsgi_app.documents.descriptor.plugins import registered
from wsgi_app.documents.descriptor.wording import quoted, within
from wsgi_app.errors import BadDescriptor

_UINT32 = 2**32 - 1


def build(manager: str, acquire: Raw, release: Raw, steps: int) -> TargetList | TargetFile:
    """Return what a target manager is to find, for a test of so many steps. Raises `BadDescriptor`."""
    with within(f"could not get TargetManager ({short(manager)})"):
        read = registered(_MANAGERS, "TargetManager", manager)
    with within("could not validate TargetManager acquire parameters"):
        found = _bounded(read(acquire.fields()), steps)
    with within("could not validate TargetManager release parameters"):
        # neither manager has any
        release.fields()
    return found


def _bounded(found: TargetList | TargetFile, steps: int) -> TargetList | TargetFile:
    most = MOST_TASKS // max(steps, 1)
    least = len(found.targets) if isinstance(found, TargetList) else found.least
    if least > most:
        raise BadDescriptor(f"{least} targets with {steps} steps each are more than {MOST_TASKS} tasks")
    return found if isinstance(found, TargetList) else evolve(found, most=min(found.most, most))


def _list(fields: Fields) -> TargetList:
    found: dict[str, Target] = {}
    for target in [_target(inner) for inner in fields.sections("Targets")]:
        if not target.id.strip():
            raise BadDescriptor("invalid target with empty ID")
        check_length(target.id, "Target ID", TARGET_ID)
        if target.id in found:
            raise BadDescriptor(f"duplicate target ID {quoted(target.id)}")
        found[target.id] = target
    return TargetList(tuple(found.values()))


def _target(fields: Fields | None) -> Target:
    if fields is None:
        return Target("")
    return Target(
        fields.text("ID"),
        fqdn=fields.text("FQDN"),
        ipv4=_address(fields, "PrimaryIPv4"),
        ipv6=_address(fields, "PrimaryIPv6"),
        state=plain(fields.any("TMS")),
    )


def _address(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    # Go's type for addresses has no zones
    if address is None or "%" in text:
        raise BadDescriptor(f"{fields.place}.{name}: invalid IP address: {short(text)}")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _file(fields: Fields) -> TargetFile:
    uri = fields.uri("FileURI")
    least, most = fields.count("MinNumberDevices", _UINT32), fields.count("MaxNumberDevices", _UINT32)
    prefixes = tuple(prefix.strip() for prefix in fields.texts("HostPrefixes"))
    shuffle = fields.flag("Shuffle")
    if not all(prefixes):
        raise BadDescriptor("Host prefix cannot be empty string if specified")
    if uri is None:
        raise BadDescriptor("file URI not specified in acquire parameters")
    return TargetFile(_path(uri), least, most, prefixes, shuffle)


def _path(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise BadDescriptor(f"the URI {quoted(uri)} cannot be read: {error}") from None
    if parts.scheme not in ("", "file"):
        raise BadDescriptor(f"unsupported scheme: '{short(parts.scheme)}', only 'file' or empty string are accepted")
    if parts.netloc not in ("", "localhost"):
        raise BadDescriptor(f"unsupported host '{short(parts.netloc)}', only 'localhost' or empty string are accepted")
    return unquote(parts.path)


_MANAGERS: dict[str, Callable[[Fields], TargetList | TargetFile]] = {"targetlist": _list, "csvfiletargetmanager": _file}
