"""Where callbacks may go, whatever it is written like."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.config import Config
from wsgi_app.services.publisher.sending import Refused, Unsent
from wsgi_app.services.publisher.target import Rules, parse

#: networks that are not public, as RFC 6890 and its successors list them
FOUR = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    *("192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
)
SIX = (
    *("::/128", "::1/128", "fe80::/10", "fc00::/7", "fec0::/10", "ff00::/8", "2001:db8::/32", "100::/64"),
    # what leads to IPv4: compatible, NAT64 of all and of one's own, Teredo, 6to4
    *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
)
RULES = Rules(Config())


def within(networks: tuple[str, ...]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    """Addresses of these networks."""

    def of(words: str) -> st.SearchStrategy[IPv4Address | IPv6Address]:
        network = ip_network(words)
        most = network.num_addresses - 1
        return st.integers(0, most).map(lambda number: network[number])

    return st.sampled_from(networks).flatmap(of)


def spelled(address: IPv4Address | IPv6Address) -> st.SearchStrategy[str]:
    """Spellings of an IPv4 address that programs take for it."""
    number, parts = int(address), address.packed
    return st.sampled_from(
        [
            str(address),
            f"{address}.",
            str(number),
            hex(number),
            f"0{number:o}",
            f"{hex(parts[0])}.{number & 0xFFFFFF}",
            f"{parts[0]:#o}.{parts[1]}.{number & 0xFFFF}".replace("0o", "0"),
            ".".join(hex(part) for part in parts),
            f"[::ffff:{address}]",
            f"[::ffff:{parts[0]:02x}{parts[1]:02x}:{parts[2]:02x}{parts[3]:02x}]",
            f"[64:ff9b::{address}]",
            f"[::{address}]",
            f"[2002:{parts[0]:02x}{parts[1]:02x}:{parts[2]:02x}{parts[3]:02x}::1]",
        ]
    )


@given(within(FOUR + SIX))
def test_63_no_address_that_is_not_public(address: IPv4Address | IPv6Address) -> None:
    """Item 63: none of these networks, at their edges or within."""
    assert not RULES.allows(address)
    if isinstance(address, IPv4Address):
        assert not RULES.allows(IPv6Address(f"::ffff:{address}"))


@given(within(FOUR).flatmap(spelled))
def test_63_no_odd_spelling(host: str) -> None:
    """Item 63: hexadecimal, octal, one number, a dot at its end, IPv6 around it: nothing is connected."""
    with pytest.raises(Unsent):
        place = RULES.place(f"http://{host}/")
        RULES.addresses(place.host, place.port)


@pytest.mark.parametrize("words", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(words: str) -> None:
    """Others may be called."""
    assert RULES.allows(ip_address(words))


@given(within(("192.168.7.0/24", "fd00:7::/64")), within(FOUR + SIX))
def test_networks_that_the_settings_name(inside: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> None:
    """What they name may be called, also by way of its mapped address; nothing else is opened by that."""
    networks = ("192.168.7.0/24", "fd00:7::/64")
    rules = Rules(Config(callback_private=networks))
    assert rules.allows(inside)
    if isinstance(inside, IPv4Address):
        assert rules.allows(IPv6Address(f"::ffff:{inside}"))
    named = any(other.version == ip_network(one).version and other in ip_network(one) for one in networks)
    assert rules.allows(other) is named


@pytest.mark.parametrize(
    "url",
    [
        *("http://user@1.1.1.1/", "http://1.1.1.1@127.0.0.1/", "http://u:p@host/", "http://1.1.1.1\\@127.0.0.1/"),
        *("ftp://host/", "file:///etc/passwd", "gopher://host/", "//host/", "host", "", "http://", "http:///x"),
        *("http://host:0/", "http://host:99999/", "http://host:x/", "http://[::1/", "http://ho st/", "http://höst/"),
        *("http://host/\r\nX: y", "http://host/\nX", "http://host/\t", "http://host/\0"),
    ],
)
def test_63_what_is_no_url_of_ours(url: str) -> None:
    """User and password, other schemes, what ends a line, what programs read differently: refused."""
    with pytest.raises(Refused):
        parse(url)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "HTTP://h:"]))
def test_any_text(text: str, begin: str) -> None:
    """Whatever comes, it is a place that can be written into a request, or refused."""
    try:
        place = parse(begin + text)
    except Refused:
        return
    assert place.host == place.host.lower()
    assert 0 < place.port < 65536
    assert all(part.isascii() and part.isprintable() and " " not in part for part in (place.authority, place.path))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("ci.example.org", True),
        ("CI.Example.ORG.", True),
        ("example.org", False),
        ("ci.example.org.evil.net", False),
        ("hook.test", True),
        ("xhook.test", False),
    ],
)
def test_63_hosts_that_the_settings_name(host: str, allowed: bool) -> None:
    """Where hosts are named, no others."""
    rules = Rules(Config(callback_hosts=("*.example.org", "hook.test")))
    if allowed:
        assert rules.place(f"https://{host}/x").secure
    else:
        with pytest.raises(Refused):
            rules.place(f"https://{host}/x")
