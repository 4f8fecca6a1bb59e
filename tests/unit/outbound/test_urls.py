"""Each notation of a host is read exactly as it would be dialled, or refused."""

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.errors import FetchFailed, Forbidden, InvalidRequest, MaoOCRError
from maoocr.outbound.addresses import Policy
from maoocr.outbound.urls import parse_redirect, parse_url

PORTS = frozenset({80, 443})

LOOPBACK = (
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0177.0.0.1",
    "0177.0.01",
    "017700000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F000001",
    "0x7f000001",
    "127.0.0.1.",
    "00000000177.0.0.1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127\uff0e0\uff0e0\uff0e1",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
)


@pytest.mark.parametrize("host", LOOPBACK)
def test_every_way_to_write_the_loopback_is_understood(host: str) -> None:
    target = parse_url(f"http://{host}/", PORTS)
    assert (target.name, target.address) == (None, IPv4Address("127.0.0.1"))
    assert not Policy().permits(IPv4Address("127.0.0.1"))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2852039166", "169.254.169.254"),
        ("0xA9FEA9FE", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("0", "0.0.0.0"),
        ("0x", "0.0.0.0"),
        ("[::]", "::"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[::FFFF:7F00:1]", "::ffff:127.0.0.1"),
        ("[::127.0.0.1]", "::7f00:1"),
        ("[64:ff9b::127.0.0.1]", "64:ff9b::7f00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
    ],
)
def test_an_address_is_understood_and_refused(host: str, address: str) -> None:
    target = parse_url(f"http://{host}/", PORTS)
    assert target.address == ip_address(address)
    assert not Policy().permits(target.address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com:80/_x",
        "dict://example.com/",
        "data:image/png;base64,AA==",
        "javascript:alert(1)",
        "http:example.com",
        "http:/example.com",
        "http:///example.com",
        "http://",
        "http://?x",
        "http://#x",
        "http://:80/",
        "http://.",
        "http://..",
        "http://a..b/",
        "http://.a/",
        "http://a.../",
        "http://-a.example/",
        "http://a-.example/",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com\\.evil.example/",
        "http:\\\\example.com/",
        "http://example.com:80:80/",
        "http://example.com:/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:99999999/",
        "http://example.com:+80/",
        "http://example.com:8_0/",
        "http://example.com:８０/",
        "http://example.com:%38%30/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%00.example.com/",
        "http://example%2ecom/",
        "http://exam ple.com/",
        "http://example.com/a b",
        " http://example.com/",
        "http://example.com/\n",
        "http://exam\tple.com/",
        "http://example.com/\r\nHost: evil",
        "http://example.com/\x00",
        "http://example.com/\x7f",
        "http://example.com\u00a0/",
        "http://\u0085example.com/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]x/",
        "http://[::1]:/",
        "http://[]/",
        "http://[127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.x]/",
        "http://[::1][::2]/",
        "http://256.0.0.1/",
        "http://1.2.3.4.5/",
        "http://127.0.0.09/",
        "http://127.0.65536/",
        "http://4294967296/",
        "http://0x100000000/",
        "http://a.b.1/",
        "http://example.0x7f/",
        "http://１２７.０.０.１\uff0f.example/",
        "http://127.0.0.1\uff03.example/",
        "http://evil\uff20example.com/",
        "http://\u2100.example/",
        "http://xn--/",
        "http://xn--a\u00e4/",
        "http://☃\u200d.example/",
        "http://\ud800.example/",
        "http://example.com/\ud800",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 130 + "example/",
        "http://example.com/" + "a" * 5000,
        "http://" + "9" * 4000 + "/",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^image_url: "):
        parse_url(url, PORTS)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://EXAMPLE.com:443/A?b=C#d", "https://example.com/A?b=C"),
        ("http://example.com./x", "http://example.com/x"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://example.com:0080/", "http://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://a_b.example/", "http://a_b.example/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
        ("http://例え.テスト/図.png", "http://xn--r8jz45g.xn--zckzah/%E5%9B%B3.png"),
        ("http://ｅｘａｍｐｌｅ.com/", "http://example.com/"),
        ("http://example.com/%2e%2e/%41", "http://example.com/%2e%2e/%41"),
        ("http://[2606:4700::1]:80/", "http://[2606:4700::1]/"),
        ("https://[2606:4700::1]:80/", "https://[2606:4700::1]:80/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://134744072/", "http://8.8.8.8/"),
    ],
)
def test_a_url_is_written_anew(url: str, written: str) -> None:
    assert parse_url(url, PORTS).url == written


@pytest.mark.parametrize("port", [22, 25, 6379, 8080, 65535])
def test_only_ports_of_the_list_may_be_dialled(port: int) -> None:
    with pytest.raises(Forbidden, match="80, 443 \\(MAOOCR_OUTBOUND__PORTS\\)"):
        parse_url(f"http://example.com:{port}/", PORTS)
    assert parse_url(f"http://example.com:{port}/", {port}).port == port


@pytest.mark.parametrize(
    ("location", "written"),
    [
        (b"/b", "https://example.com/b"),
        (b"b?c", "https://example.com/dir/b?c"),
        (b"//other.example/x", "https://other.example/x"),
        (b"https://127.1/", "https://127.0.0.1/"),
        ("https://bücher.example/".encode(), "https://xn--bcher-kva.example/"),
    ],
)
def test_a_redirect_is_read_like_a_url(location: bytes, written: str) -> None:
    base = parse_url("https://example.com/dir/a", PORTS)
    assert parse_redirect(location, base, PORTS).url == written


@pytest.mark.parametrize(
    "location",
    [b"file:///etc/passwd", b"https://u@example.com/", b"https://[::1", b"\xff\xfe", b"ftp://x/"],
)
def test_a_redirect_to_what_is_no_url_fails_without_an_echo(location: bytes) -> None:
    base = parse_url("https://example.com/dir/a", PORTS)
    with pytest.raises(FetchFailed, match="redirects to what is not a valid URL"):
        parse_redirect(location, base, PORTS)


def test_a_redirect_may_not_give_up_tls() -> None:
    base = parse_url("https://example.com/", PORTS)
    with pytest.raises(Forbidden, match="from https to http"):
        parse_redirect(b"http://example.com/", base, PORTS)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.data())
def test_any_mix_of_notations_is_one_address(value: int, parts: int, data: st.DataObject) -> None:
    octets = [value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255]
    numbers = [*octets[: parts - 1], value & (1 << 8 * (5 - parts)) - 1]
    forms = [
        data.draw(st.sampled_from([f"{n}", f"0{n:o}", f"{n:#x}", f"0X{n:08X}"])) for n in numbers
    ]
    assert parse_url(f"http://{'.'.join(forms)}/", PORTS).address == IPv4Address(value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.com/{text}"):
        try:
            target = parse_url(url, PORTS)
        except MaoOCRError:
            continue
        assert target.url.isascii()
        assert parse_url(target.url, PORTS) == target
