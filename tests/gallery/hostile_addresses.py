"""Addresses that lead where nobody was invited, and a resolver that asks nobody outside."""

import socket

NAMES = {
    "localhost": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "printer.local": ["192.168.1.20"],
    "localtest.me": ["127.0.0.1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data": ["169.254.169.254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mixed6.example": ["2606:2800:220:1:248:1893:25c8:1946", "::1"],
    "none.example": [],
}


# Numbers that are this machine, its neighbours or its cloud, in the spellings a resolver takes.
NUMBERS = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "017700000001",
    "0177.0.0.1", "0x7f.1", "0x7f000001", "0x7f.0x0.0x0.0x1", "0177.0x0.0.1", "127.0.0.1.", "0", "0.0.0.0",
    "0x0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.1",
    "3232235777", "100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.170.2", "2852039166",
    "0xa9fea9fe", "0251.0376.0251.0376", "168.63.129.16", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[64:ff9b:1:ffff::7f00:1]",
    "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:0101::1]", "[2001:0:7f00:1::]", "[2001::1]",
    "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]",
    "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[::ffff:0:127.0.0.1]",
]  # fmt: skip

# Spellings on which parsers disagree, and what is no address at all.
ODD = [
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://a\\@127.0.0.1/", "http://a@127.0.0.1/", "http://a:b@127.0.0.1/",
    "http://example.org@127.0.0.1/", "http://@127.0.0.1/", "http://example.org:80@127.0.0.1/",
    "http://127.0.0.1#@example.org/", "http://127.0.0.1?@example.org/", "http://127.0.0.1\\.example.org/",
    "http:\\\\127.0.0.1/", "http:/127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/", "127.0.0.1",
    "127.0.0.1:80", "http://", "http:///", "http:///127.0.0.1/", "https://", "http://:80/", "http://[/",
    "http://]/", "http://[::1/", "http://::1/", "http://[::1]]/", "http://[::1%25lo]/", "http://[::1%lo]/",
    "http://[127.0.0.1]/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://127.0.0.1:a/",
    "http://127.0.0.1:22/", "http://127.0.0.1:6379/", "https://127.0.0.1:8443/", "http://127.0.0.1:0/",
    " http://127.0.0.1/", "http://127.0.0.1/ ", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1\t/",
    "http://127.0\n.0.1/", "http://127.0.0.1%00.example.org/", "http://127.0.0.1%2f@example.org/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1\x00/", "http://loc\u00adalhost/",
    "http://localhost\u200b/", "http://l\u043ecalhost/", "HTTP://LOCALHOST/", "http://LocalHost./",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1/", "data:image/png;base64,AAAA",
    "javascript:alert(1)", "jar:http://127.0.0.1!/", "ldap://127.0.0.1/", "unix:///run/x.sock",
    "http+unix://%2frun%2fx.sock/", "ws://127.0.0.1/", "blob:http://127.0.0.1/", "", " ", "/", "?", "#",
    "http", "http:", "\\\\127.0.0.1\\a", "http://" + "a" * 300 + ".example/",
    "http://" + "a." * 2000 + "example/", "http://" + "1" * 5000, "http://xn--/", "http://..127.0.0.1/",
    "http://-/", "http://_/", "http://256.256.256.256/", "http://1.2.3.4.5/", "http://0x100000000/",
    "http://99999999999999999999/", "http://127.0.0.1:80:80/", "http://127.0.0.1,example.org/",
    "http://127.0.0.1;a/", "http://[::ffff:127.0.0.1%25x]/", "http://none.example/",
    "http://unknown.example/",
]  # fmt: skip

HOSTILE = [
    *(f"{scheme}://{host}/a.png" for host in (*NUMBERS, *NAMES) for scheme in ("http", "https")),
    *ODD,
]


async def resolve(host: str, port: int) -> list[str]:
    """The names above, and numbers in all the spellings the system takes; nothing is asked outside."""
    if host.lower() in NAMES:
        return NAMES[host.lower()]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError) as error:
        raise OSError(f"no such host: {host}") from error
    return [str(entry[4][0]) for entry in found]
