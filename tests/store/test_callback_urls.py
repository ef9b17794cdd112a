from __future__ import annotations

import pytest

from modemfarm.store import callback_urls
from modemfarm.store.callback_urls import filled, is_listed, unfilled

VALUES = {
    "a": "您好 & more",
    "A": "ACK/",
    "c": "2",
    "d": "8",
    "F": "17",
    "i": "Front desk",
    "p": "+8613800138000",
    "t": "2026-03-14+09:30:00",
    "T": "1773480600",
    "o": "",
}
LISTED = ("https://shop.example/sms/", "http://192.168.1.7:8080", "https://exact.example/dlr")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/?type=%d", "http://h/?type=8"),
        ("http://h/?id=%F&to=%p", "http://h/?id=17&to=%2B8613800138000"),
        ("http://h/?t=%t&u=%T", "http://h/?t=2026-03-14+09:30:00&u=1773480600"),
        ("http://h/?a=%a", "http://h/?a=%E6%82%A8%E5%A5%BD+%26+more"),
        ("http://h/?A=%A&i=%i", "http://h/?A=ACK%2F&i=Front+desk"),
        ("http://h/?o=%o&c=%c", "http://h/?o=&c=2"),
        ("http://h/%d/x", "http://h/8/x"),
        ("http://h/?x=%%d&y=%%", "http://h/?x=%d&y=%"),
        ("http://h/?x=%2Fa%20b", "http://h/?x=%2Fa%20b"),
        ("http://h/?x=%E9", "http://h/?x=%E9"),
        ("http://h/?x=%", "http://h/?x=%"),
        ("http://h/?x=a b您", "http://h/?x=a%20b%E6%82%A8"),
    ],
)
def test_escapes_are_filled_and_encoded_as_kannel_does(url: str, address: str) -> None:
    assert filled(url, VALUES) == address


def test_what_an_escape_brings_is_not_filled_again() -> None:
    assert filled("http://h/?a=%a&d=%d", {"a": "%d %%", "d": "1"}) == "http://h/?a=%25d+%25%25&d=1"


@pytest.mark.parametrize(
    ("url", "escape"), [("http://h/%k", "%k"), ("http://h/%%k%d", ""), ("http://h/?%d%#a#b#", "%#")]
)
def test_an_escape_that_nothing_fills_is_named(url: str, escape: str) -> None:
    assert unfilled(url) == escape


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/sms/",
        "https://shop.example/sms/dlr?type=%d&x=../..",
        "https://SHOP.example:443/sms/%d",
        "http://192.168.1.7:8080",
        "http://192.168.1.7:8080/any?x",
        "https://exact.example/dlr",
        "https://exact.example/dlr/%F?d=%d",
    ],
)
def test_what_begins_as_listed_may_be_called(url: str) -> None:
    assert is_listed(url, LISTED)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/sms/",
        "https://shop.example/other",
        "https://shop.example/sms",
        "https://shop.example.evil.example/sms/",
        "https://shop.example@evil.example/sms/",
        "https://user:pw@shop.example/sms/",
        "https://shop.example:8443/sms/",
        "https://evil.example/https://shop.example/sms/",
        "https://evil.example\\@shop.example/sms/",
        "https://shop.example/sms/../admin",
        "https://shop.example/sms/%2e%2e/admin",
        "https://shop.example/sms/..%2Fadmin",
        "https://shop.example/sms/\r\nHost: x",
        "https://exact.example/dlrs",
        "http://192.168.1.7:80/",
        "http://192.168.1.7/",
        "ftp://shop.example/sms/",
        "//shop.example/sms/",
        "shop.example/sms/",
        "https://shop.example:port/sms/",
        "https://[::1/sms/",
        "",
    ],
)
def test_nothing_else_may(url: str) -> None:
    assert not is_listed(url, LISTED)


@pytest.mark.parametrize(
    "text", ["shop.example", "https://", "ftp://h/", "https://h/?x", "https://h/%d", "https://a@h/"]
)
def test_what_is_no_beginning_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        callback_urls.beginning(text)


def test_the_origin_holds_no_secret() -> None:
    assert callback_urls.origin("https://Shop.example:8443/sms/secret?token=x") == "https://shop.example:8443"
