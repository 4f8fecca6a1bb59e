"""Nginx as the deployment runs it, with gateways behind it, or with servers that misbehave."""

import json
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.deploy.engine import ROOT, Engine
from tests.servers import free_port

__all__ = ["NGINX", "Front", "until"]

NGINX = "nginx:1.27-alpine"
READY_S = 240.0
POLL_S = 0.1
FILES = {
    "nginx/nginx.conf": "/etc/nginx/nginx.conf",
    "nginx/templates": "/etc/nginx/templates",
    "nginx/start/12-maoocr-values.envsh": "/docker-entrypoint.d/12-maoocr-values.envsh",
    "nginx/start/40-maoocr-gateways.sh": "/docker-entrypoint.d/40-maoocr-gateways.sh",
    "nginx/gateways": "/usr/local/bin/gateways",
}
WRITABLE = ("/tmp", "/var/cache/nginx", "/etc/nginx/conf.d")
UNPRIVILEGED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def until(is_so: Callable[[], bool], limit_s: float = READY_S) -> float:
    """Wait for it; returns the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < limit_s, f"not within {limit_s} s"
        time.sleep(POLL_S)
    return time.monotonic() - began


class Front:
    """A network with one Nginx in it and what stands behind it; all names begin with a prefix."""

    def __init__(self, engine: Engine, prefix: str, gateway_image: str) -> None:
        self._engine = engine
        self._prefix = prefix
        self._image = gateway_image
        self._gateways = 0
        self.network = f"{prefix}-web"
        self.nginx = f"{prefix}-nginx"
        self.http_port, self.https_port, self.operator_port = (free_port() for _ in range(3))
        engine("network", "create", self.network)
        self.certify()
        self.certificate = self._certificate()

    def certify(self, **environment: str) -> str:
        """Make a self-signed certificate where there is none, as the deployment does."""
        return self._engine(
            *("run", "--rm", "--name", f"{self._prefix}-certificate", "--network", "none"),
            *("--user", "0:0", *UNPRIVILEGED, "--cap-add", "CHOWN", "--tmpfs", "/tmp"),
            *(word for name, value in environment.items() for word in ("-e", f"{name}={value}")),
            *("-v", f"{self._prefix}-certificates:/certificates", self._image),
            *("/app/docker/gateway/self-signed", "/certificates"),
        )

    def nginx_arguments(self, **environment: str) -> list[str]:
        """What `docker run` is told of it."""
        words = ["--user", "101:101", "--init", *UNPRIVILEGED, "--stop-signal", "SIGQUIT"]
        words += ["--network", self.network, "--network-alias", "nginx"]
        for folder in WRITABLE:
            words += ["--tmpfs", f"{folder}:uid=101,gid=101,mode=0755"]
        for here, there in FILES.items():
            words += ["-v", f"{ROOT / here}:{there}:ro"]
        words += ["-v", f"{self._prefix}-certificates:/certificates:ro"]
        for name, value in {"HTTPS_PORT": str(self.https_port), **environment}.items():
            words += ["-e", f"{name}={value}"]
        return words

    def start_nginx(self, **environment: str) -> None:
        """Start it, and wait until it answers."""
        ports = {8080: self.http_port, 8443: self.https_port, 9443: self.operator_port}
        published = [f"-p127.0.0.1:{there}:{here}" for here, there in ports.items()]
        arguments = self.nginx_arguments(**environment)
        self._engine("run", "-d", "--name", self.nginx, *arguments, *published, NGINX)
        until(lambda: self.inside("gateways", "well", is_tried=True).startswith("0"))

    def start_gateway(self, **environment: str) -> str:
        """Start one more; returns the name of its container."""
        self._gateways += 1
        name = f"{self._prefix}-gateway-{self._gateways}"
        settings = {
            "MAOOCR_SERVER__HOST": "0.0.0.0",
            "MAOOCR_SERVER__TRUSTED_PROXIES": "nginx",
            "MAOOCR_AUTH__ALLOW_OPEN": "true",
            "MAOOCR_POOL__LANES": "1",
            **environment,
        }
        self._engine(
            *("run", "-d", "--name", name, "--network", self.network),
            *("--network-alias", "gateway", *UNPRIVILEGED, "--tmpfs", "/tmp"),
            *("-v", "/var/lib/maoocr", "-v", "/var/spool/maoocr"),
            *(word for pair in settings.items() for word in ("-e", "=".join(pair))),
            self._image,
        )
        return name

    def start_stub(self, code: str, alias: str) -> str:
        """Start a server of a few lines of Python; returns the name of its container."""
        self._gateways += 1
        name = f"{self._prefix}-stub-{self._gateways}"
        self._engine(
            *("run", "-d", "--name", name, "--network", self.network, "--network-alias", alias),
            *(self._image, "python", "-u", "-c", code),
        )
        return name

    def inside(self, *command: str, is_tried: bool = False) -> str:
        """Run something in Nginx's container; tried, its exit code stands before what it said."""
        if is_tried:
            done = self._engine.tried("exec", self.nginx, *command)
            return f"{done.returncode} {done.stdout}{done.stderr}"
        return self._engine("exec", self.nginx, *command)

    def processes(self, words: str) -> set[str]:
        """Ids of the processes in Nginx's container whose command has these words in it."""
        listed = self.inside("busybox", "ps").splitlines()
        return {line.split()[0] for line in listed if words in line}

    @property
    def keeps_connections(self) -> bool:
        """Whether a reload spares connections that wait for their next request (since 1.27.4)."""
        return "keepalive_min_timeout" in self.inside("cat", "/etc/nginx/conf.d/10-http.conf")

    def address(self, container: str) -> str:
        """Of a container in this network."""
        return self._engine.address(container, self.network)

    def used(self) -> set[str]:
        """The addresses of the gateways that requests go to."""
        return set(self.inside("gateways", "list").split())

    def wait_for(self, *containers: str, limit_s: float = READY_S) -> float:
        """Until requests go to these and no others, and each said that it is ready; in seconds."""
        wanted = {self.address(container) for container in containers}
        # Who is used is known before Nginx has taken it up, and while none is ready it is all.
        ready = "cat /tmp/gateways/ready; md5sum </tmp/gateways/used"
        taken = ("busybox", "wget", "-T2", "-qO-", "http://127.0.0.1:8081/gateways")

        def is_so() -> bool:
            *said, used = self.inside("sh", "-c", ready).splitlines()
            asked = self.inside(*taken, is_tried=True)
            return (
                set(said) == self.used() == wanted
                and asked.endswith(used.split()[0])
                and self.is_ready()
            )

        return until(is_so, limit_s)

    def is_ready(self) -> bool:
        """Whether the public is told so."""
        with self.client() as client:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

    def log(self) -> list[dict[str, Any]]:
        """Lines of the access log, each of which must be JSON."""
        lines = self._engine("logs", self.nginx).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def url(self) -> str:
        """Where the public finds it."""
        return f"https://localhost:{self.https_port}"

    def trust(self) -> ssl.SSLContext:
        """Of its certificate, which has to be good for how it is called, and of no other."""
        return ssl.create_default_context(cadata=self.certificate)

    def client(self, timeout_s: float = 60.0) -> httpx.Client:
        """A caller from outside."""
        return httpx.Client(base_url=self.url, verify=self.trust(), timeout=timeout_s)

    def _certificate(self) -> str:
        volume = f"{self._prefix}-certificates:/c:ro"
        return self._engine("run", "--rm", "-v", volume, self._image, "cat", "/c/tls.crt")
