"""Which addresses we never connect to on somebody's word. Text of a URL proves nothing; numbers do."""

import ipaddress

import httpx

URL_CHARACTERS_MAX = 4096
PORTS = {"http": 80, "https": 443}

# Beyond what `is_global` refuses, by the registries of IANA (2026) and one cloud's metadata host.
REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",  # NAT64: an IPv4 address in disguise
        "64:ff9b:1::/48",  # NAT64 of a local network
        "2002::/16",  # 6to4: the same
        "2001::/32",  # Teredo: the same
        "::/96",  # IPv4-compatible: the same
        "fec0::/10",  # site-local, of old
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's host, reachable from every machine there
    )
)


class AddressRefused(Exception):
    """Easel does not fetch from this address.

    `code` is `address_malformed`, `address_scheme`, `address_user_info`, `address_port`,
    `address_not_public` or `address_redirect`; `detail` is a sentence for the person who gave it.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse(text: str, *, require_https: bool = False) -> httpx.URL:
    """The address as the one parser that also connects reads it.

    :raises AddressRefused: when it is none, has another scheme, or names a user.
    """
    if len(text) > URL_CHARACTERS_MAX or not text.isprintable() or any(c in ' \\"<>^`{|}' for c in text):
        raise AddressRefused("address_malformed", "This isn't a web address Easel can read.")
    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise AddressRefused("address_malformed", "This isn't a web address Easel can read.") from error
    if url.scheme not in PORTS or (require_https and url.scheme != "https"):
        wanted = "https://" if require_https else "http:// or https://"
        raise AddressRefused("address_scheme", f"Easel only fetches from addresses that begin with {wanted}.")
    if url.userinfo or "@" in url.netloc.decode("ascii", "replace"):
        raise AddressRefused("address_user_info", "Take the user name and password out of this address.")
    if not host:
        raise AddressRefused("address_malformed", "This isn't a web address Easel can read.")
    return url


def origin(url: httpx.URL) -> str:
    """`scheme://host:port`, the port always written."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}:{port(url)}"


def port(url: httpx.URL) -> int:
    return PORTS[url.scheme] if url.port is None else url.port


def is_refused(address: str) -> bool:
    """Whether this numeric address is anything but a public unicast one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return True
    return any(ip in network for network in REFUSED_NETWORKS)


def check_port(number: int) -> None:
    """:raises AddressRefused: unless it is the web's."""
    if number not in PORTS.values():
        raise AddressRefused("address_port", "Easel only fetches from ports 80 and 443.")


def check_all(addresses: list[str]) -> None:
    """One refused address among a name's refuses the name: which one a connection takes is chance.

    :raises AddressRefused: then, and when there are none.
    """
    if not addresses or any(is_refused(address) for address in addresses):
        raise AddressRefused("address_not_public", "Easel only fetches from public addresses.")


def is_same(address: str, other: str) -> bool:
    """Whether two spellings are one numeric address; zones and v4-mapping aside."""
    return _plain(address) == _plain(other)


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
