"""A certificate of the operator's own, brought and renewed as docs/docker.md says."""

import itertools
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests.deploy.engine import Engine
from tests.deploy.front import until
from tests.deploy.stack import Stack

NAME = "ocr.example.com"
TAKEN_UP_S = 60.0
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
SIGNS = ("-addext", "basicConstraints=critical,CA:TRUE")
HOOK = """
install -d -m 0755 /etc/maoocr/tls
install -m 0644 /etc/maoocr/fullchain.pem /etc/maoocr/tls/tls.crt
install -m 0640 -g 101 /etc/maoocr/privkey.pem /etc/maoocr/tls/tls.key
"""
"""The lines of docs/docker.md, which root runs."""

_counted = itertools.count(1)


class Authority:
    """One that signs by way of another, so that only the whole chain leads to it."""

    def __init__(self, engine: Engine, image: str, folder: Path) -> None:
        self._engine = engine
        self._image = image
        self.folder = folder
        self.tls = folder / "tls"
        self._openssl("req", "-x509", *KEY, *SIGNS, *_named("Root"), *_files("root"))
        self._request("between", "Between", *SIGNS)
        self._sign("between", "root")

    @property
    def root(self) -> Path:
        """Whom callers trust."""
        return self.folder / "root.crt"

    def issue(self) -> x509.Certificate:
        """Make a new chain and key, and bring them where the service looks; returns the leaf."""
        self._request("leaf", NAME, "-addext", f"subjectAltName=DNS:{NAME}")
        self._sign("leaf", "between")
        chain = [(self.folder / f"{name}.crt").read_bytes() for name in ("leaf", "between")]
        (self.folder / "fullchain.pem").write_bytes(b"".join(chain))
        (self.folder / "leaf.key").replace(self.folder / "privkey.pem")
        self.as_root(HOOK)
        return x509.load_pem_x509_certificate(chain[0])

    def as_root(self, lines: str) -> None:
        """Run lines of shell with the folder at /etc/maoocr."""
        self._engine(
            *("run", "--rm", "--network", "none", "--user", "0:0", "--no-healthcheck"),
            *("-v", f"{self.folder}:/etc/maoocr", self._image, "sh", "-euc", lines),
        )

    def make_key(self, file: str) -> None:
        """A key that belongs to nothing."""
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file)

    def _request(self, name: str, subject: str, *extensions: str) -> None:
        files = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("req", *KEY, *extensions, *_named(subject), *files)

    def _sign(self, name: str, by: str) -> None:
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-copy_extensions", "copy", "-days", "90"),
            *("-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-out", f"{name}.crt"),
            *("-set_serial", str(next(_counted))),
        )

    def _openssl(self, *arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)


def _named(subject: str) -> tuple[str, str]:
    return "-subj", f"/CN={subject}"


def _files(name: str) -> tuple[str, ...]:
    return "-keyout", f"{name}.key", "-out", f"{name}.crt"


@pytest.fixture(scope="module")
def authority(
    engine: Engine, gateway_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    found = Authority(engine, gateway_image, tmp_path_factory.mktemp("authority"))
    yield found
    # What root has made, only root can take away.
    found.as_root("rm -rf /etc/maoocr/tls")


@pytest.fixture(scope="module")
def leaf(stack: Stack, authority: Authority) -> Iterator[x509.Certificate]:
    """The certificate that the stack was started with; it has its own one again afterwards."""
    env = stack.folder / ".env"
    before, said = env.read_text(), stack.said
    issued = authority.issue()
    env.write_text(f"{before}\nCERTIFICATES={authority.tls}\nSERVER_NAME={NAME}\n")
    stack.said = stack.start()
    yield issued
    env.write_text(before)
    stack.start()
    stack.said = said


def served(stack: Stack, authority: Authority) -> x509.Certificate:
    """What somebody is shown who trusts the root alone, and asks for the name."""
    context = ssl.create_default_context(cafile=str(authority.root))
    with (
        httpx.Client(verify=context, timeout=30) as client,
        client.stream(
            "GET",
            f"{stack.url}/readyz",
            headers={"Host": NAME},
            extensions={"sni_hostname": NAME},
        ) as answer,
    ):
        assert answer.status_code == 200
        shown = answer.extensions["network_stream"].get_extra_info("ssl_object")
        return x509.load_der_x509_certificate(shown.getpeercert(True))


def test_nginx_serves_it_with_its_chain(
    stack: Stack, authority: Authority, leaf: x509.Certificate
) -> None:
    assert served(stack, authority) == leaf


def test_the_printed_line_goes_by_its_name(
    stack: Stack, authority: Authority, leaf: x509.Certificate
) -> None:
    (line,) = [line for line in stack.said.splitlines() if line.strip().startswith("curl ")]
    assert f" https://{NAME}:{stack.https_port}/" in line
    assert "--cacert" not in line
    curl, *words = shlex.split(line.replace("…", stack.key))
    here = ("--resolve", f"{NAME}:{stack.https_port}:127.0.0.1", "--cacert", str(authority.root))
    done = stack.run(curl, *here, *words)
    assert "TOTAL" in done.stdout, done.stderr


def test_a_renewed_one_is_taken_up_without_a_failed_request(
    stack: Stack, authority: Authority, leaf: x509.Certificate
) -> None:
    nginx = stack.containers("nginx")
    renewed = authority.issue()
    assert renewed != leaf
    # Each look is a request over a new connection, which must be answered.
    until(lambda: served(stack, authority) == renewed, TAKEN_UP_S)
    assert stack.containers("nginx")[0].id == nginx[0].id


def test_a_pair_that_does_not_fit_is_not_taken_up_and_is_told(
    stack: Stack, authority: Authority, leaf: x509.Certificate
) -> None:
    before = served(stack, authority)
    authority.make_key("stray.key")
    authority.as_root("install -m 0640 -g 101 /etc/maoocr/stray.key /etc/maoocr/tls/tls.key")
    until(lambda: "key values mismatch" in stack.compose("logs", "nginx"), TAKEN_UP_S)
    running = {container.id for container in stack.containers()}
    done = stack.run("./docker-start.sh")
    assert done.returncode != 0
    assert "is not the key of" in done.stderr
    assert "it and the gateways run on as before" in done.stderr
    assert running == {container.id for container in stack.containers() if container.is_well}
    assert served(stack, authority) == before
    renewed = authority.issue()
    until(lambda: served(stack, authority) == renewed, TAKEN_UP_S)


def test_a_certificate_authority_finds_what_it_asks_for(stack: Stack) -> None:
    asked = stack.folder / "nginx/acme/.well-known/acme-challenge/token"
    asked.parent.mkdir(parents=True)
    asked.write_text("of the account")
    for folder in (asked, *asked.parents[:3]):
        folder.chmod(0o755)
    path = f"http://localhost:{stack.http_port}/.well-known/acme-challenge/token"
    assert httpx.get(path).text == "of the account"
