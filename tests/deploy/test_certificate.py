"""The certificate that the deployment makes for itself, and those that it leaves alone."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from tests.deploy.engine import Engine

NGINX_GROUP = 101


class Maker:
    """`self-signed` in its container, on a folder of this machine."""

    def __init__(self, engine: Engine, image: str, name: str, folder: Path) -> None:
        self._engine = engine
        self._image = image
        self._name = name
        self.folder = folder

    def __call__(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._engine.tried(
            *("run", "--rm", "--name", self._name, "--network", "none", "--user", "0:0"),
            *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--cap-add", "CHOWN"),
            *("--group-add", "101"),
            *(word for name, value in environment.items() for word in ("-e", f"{name}={value}")),
            *("-v", f"{self.folder}:/certificates", self._image),
            *("/app/docker/gateway/self-signed", "/certificates"),
        )

    def certificate(self) -> x509.Certificate:
        """What lies there now."""
        return x509.load_pem_x509_certificate((self.folder / "tls.crt").read_bytes())

    def bring(self, subject: str, days: int) -> bytes:
        """Put one there that was made otherwise; returns it."""
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days)),
                *("-subj", subject, "-keyout", "tls.key", "-out", "tls.crt"),
            ],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        for file in ("tls.crt", "tls.key"):
            (self.folder / file).chmod(0o644)
        return (self.folder / "tls.crt").read_bytes()


@pytest.fixture
def maker(engine: Engine, gateway_image: str, prefix: str, tmp_path: Path) -> Maker:
    tmp_path.chmod(0o755)
    return Maker(engine, gateway_image, f"{prefix}-certificate", tmp_path)


def test_it_is_good_for_every_name_and_its_key_is_nginx_s(maker: Maker) -> None:
    made = maker(SERVER_NAME="ocr.example.com 10.1.2.3", CERTIFICATE_ADDRESSES="192.0.2.7,fd00::7")
    assert made.returncode == 0, made.stderr
    certificate = maker.certificate()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "ocr.example.com"]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["127.0.0.1", "::1", "10.1.2.3", "192.0.2.7", "fd00::7"]
    key = certificate.public_key()
    assert isinstance(key, EllipticCurvePublicKey)
    assert isinstance(key.curve, SECP256R1)
    lies = (maker.folder / "tls.key").stat()
    assert (lies.st_mode & 0o777, lies.st_gid) == (0o640, NGINX_GROUP)
    assert sorted(file.name for file in maker.folder.iterdir()) == ["tls.crt", "tls.key"]


def test_it_is_made_once_and_again_for_other_names(maker: Maker) -> None:
    maker()
    first = maker.certificate()
    assert "is good until" in maker().stdout
    assert maker.certificate() == first
    maker(SERVER_NAME="ocr.example.com")
    assert maker.certificate() != first


def test_its_own_is_made_again_before_it_ends(maker: Maker) -> None:
    subject = maker_subject(maker)
    ending = maker.bring(subject, days=29)
    assert "Made a certificate" in maker().stdout
    assert (maker.folder / "tls.crt").read_bytes() != ending


def maker_subject(maker: Maker) -> str:
    """How those that it makes are called."""
    maker()
    certificate = maker.folder / "tls.crt"
    told = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-subject", "-nameopt", "compat"],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip().removeprefix("subject=")


@pytest.mark.parametrize(("days", "said"), [(90, "stays as it is"), (5, "renew it")])
def test_an_operator_s_own_is_left_alone(maker: Maker, days: int, said: str) -> None:
    brought = maker.bring("/CN=ocr.example.com", days)
    done = maker()
    assert done.returncode == 0
    assert said in done.stdout
    assert (maker.folder / "tls.crt").read_bytes() == brought


def test_a_key_of_another_certificate_is_told(maker: Maker) -> None:
    maker.bring("/CN=other", 90)
    key = (maker.folder / "tls.key").read_bytes()
    maker.bring("/CN=ocr.example.com", 90)
    (maker.folder / "tls.key").write_bytes(key)
    done = maker()
    assert done.returncode == 1
    assert "is not the key of" in done.stderr


def test_half_of_a_pair_is_told(maker: Maker) -> None:
    maker.bring("/CN=ocr.example.com", 90)
    (maker.folder / "tls.key").unlink()
    done = maker()
    assert done.returncode == 1
    assert "only one of tls.crt and tls.key" in done.stderr


@pytest.mark.parametrize("name", ["tls.key", "tls.crt", "."])
def test_what_nginx_cannot_read_is_told(maker: Maker, name: str) -> None:
    maker.bring("/CN=ocr.example.com", 90)
    lies = maker.folder / name
    lies.chmod(0o700 if lies.is_dir() else 0o600)
    done = maker()
    assert done.returncode == 1
    assert "Nginx, whose user and group are 101, cannot read" in done.stderr
    lies.chmod(0o755)
    assert maker().returncode == 0
