"""The URLs of what is behind a proxy."""

import pytest

from vermilion.backends.upstream_url import Address, Tls, UpstreamUrl, parse_upstream

GOOD = [
    ("redis://cache", UpstreamUrl("single", (Address("cache", 6379),))),
    ("redis://", UpstreamUrl("single", (Address("127.0.0.1", 6379),))),
    ("redis://[::1]:7000/3", UpstreamUrl("single", (Address("::1", 7000),), 3)),
    ("redis://:p%40ss@cache?db=2", UpstreamUrl("single", (Address("cache", 6379),), 2, "", "p@ss")),
    ("redis://ada:pw@cache", UpstreamUrl("single", (Address("cache", 6379),), 0, "ada", "pw")),
    ("unix:///run/r.sock?db=1", UpstreamUrl("single", (Address("/run/r.sock", 0),), 1)),
    ("unix://ada:pw@/run/r.sock", UpstreamUrl("single", (Address("/run/r.sock", 0),), 0, "ada", "pw")),
    (
        "rediss://cache?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=false",
        UpstreamUrl("single", (Address("cache", 6379),), tls=Tls("/ca", "/c", "/k", True, False)),
    ),
    ("redis+cluster://a:1,b:2", UpstreamUrl("cluster", (Address("a", 1), Address("b", 2)))),
    (
        "redis+sentinel://ada:pw@a,b:2/main/1?sentinel_password=s",
        UpstreamUrl(
            "sentinel",
            (Address("a", 26379), Address("b", 2)),
            1,
            "ada",
            "pw",
            service="main",
            sentinel_password="s",
        ),
    ),
]
BAD = [
    "",
    "http://cache",
    "redis+cluster://a/1",
    "redis+sentinel://a",
    "redis://a,b",
    "redis://cache/x",
    "redis://cache/1/2",
    "redis://cache?nope=1",
    "unix://",
    "unix+cluster:///s",
    "rediss://cache?ssl_cert_reqs=maybe",
    "redis://secret@cache:port",
]


@pytest.mark.parametrize(("url", "expected"), GOOD)
def test_what_a_url_says(url: str, expected: UpstreamUrl) -> None:
    assert tuple(parse_upstream(url)) == tuple(expected)


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_url_of_an_upstream(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        parse_upstream(url)
    assert "secret" not in str(raised.value)


def test_what_is_shown_has_no_password() -> None:
    shown = parse_upstream("redis+sentinel://ada:hidden@a/main?sentinel_password=hidden")
    assert "hidden" not in f"{shown} {shown!r}"
