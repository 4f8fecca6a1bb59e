"""A model hub on the loopback, with a CDN on another port; does every bad thing it is told to."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["COMMIT", "FakeHub", "hub_server"]

COMMIT = "a" * 40


@dataclass
class FakeHub:
    """What the hub has, and what it does.

    Attributes:
        files: by path; those that are not small lie at the CDN.
        commits: by revision.
        token: that is needed; empty for none.
        cuts: how often each file's answer breaks off after half of what is left.
        wrong: files that come with other bytes of the same length.
        failures: how often each file is answered with 503.
        dies: a file whose answer broke off is answered with 503 from then on.
        no_ranges: `Range` is ignored.
        per_list: files on one page of the list.
        seen: path, `Range` and `Authorization` of each request at hub and CDN.
        hold: the CDN waits for it before it answers.
    """

    repository: str = "owner/model"
    files: dict[str, bytes] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    token: str = ""
    cuts: Counter[str] = field(default_factory=Counter)
    wrong: set[str] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    dies: bool = False
    no_ranges: bool = False
    per_list: int = 100
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    hold: threading.Event | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    cdn: str = ""

    def entry(self, path: str) -> dict[str, Any]:
        """Of the list of files."""
        content = self.files[path]
        sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        found = {"type": "file", "path": path, "size": len(content), "oid": sha1.hexdigest()}
        if self.is_large(path):
            sha256 = hashlib.sha256(content).hexdigest()
            found["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 133}
        return found

    def is_large(self, path: str) -> bool:
        """It lies at the CDN."""
        return path.endswith(".safetensors")

    def ranges(self, name: str) -> list[str]:
        """That the CDN was asked for, of one file."""
        return [asked for path, asked, _ in self.seen if path == f"/cdn/{name}"]


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        hub, path = self.hub, self.path
        authorization = self.headers.get("Authorization", "")
        hub.seen.append((path, self.headers.get("Range", ""), authorization))
        try:
            if path.startswith("/cdn/"):
                self._content(path.removeprefix("/cdn/"))
            elif hub.token and authorization != f"Bearer {hub.token}":
                self._refuse(401, "GatedRepo")
            elif path.startswith(f"/api/models/{hub.repository}/revision/"):
                self._revision(path.rpartition("/")[2])
            elif path.startswith(f"/api/models/{hub.repository}/tree/{COMMIT}"):
                self._tree(int(path.partition("cursor=")[2] or 0))
            elif path.startswith(f"/{hub.repository}/resolve/{COMMIT}/"):
                self._resolve(path.partition(f"/{COMMIT}/")[2])
            else:
                self._refuse(401 if not hub.token else 404, "RepoNotFound")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass

    def _refuse(self, status: int, code: str) -> None:
        self._head(status, {"X-Error-Code": code, "Content-Length": "0"})

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, told: object, **headers: str) -> None:
        body = json.dumps(told).encode()
        self._head(200, {"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def _revision(self, revision: str) -> None:
        commit = self.hub.commits.get(revision, revision if revision == COMMIT else "")
        if not commit:
            self._refuse(404, "RevisionNotFound")
            return
        self._json({"sha": commit})

    def _tree(self, begin: int) -> None:
        paths, end = sorted(self.hub.files), begin + self.hub.per_list
        entries = [{"type": "directory", "path": "folder", "oid": "0", "size": 0}]
        entries += [self.hub.entry(path) for path in paths[begin:end]]
        following = f"{self.hub.url}/api/models/{self.hub.repository}/tree/{COMMIT}?cursor={end}"
        link = {"Link": f'<{following}>; rel="next"'} if end < len(paths) else {}
        self._json(entries, **link)

    def _resolve(self, path: str) -> None:
        if path not in self.hub.files:
            self._refuse(404, "EntryNotFound")
        elif self.hub.is_large(path):
            self._head(302, {"Location": f"{self.hub.cdn}/cdn/{path}", "Content-Length": "0"})
        else:
            self._content(path)

    def _content(self, path: str) -> None:
        hub = self.hub
        hub.begun.set()
        if hub.hold is not None:
            hub.hold.wait(20)
        if hub.failures[path] > 0:
            hub.failures[path] -= 1
            self._refuse(503, "")
            return
        content = bytes(reversed(hub.files[path])) if path in hub.wrong else hub.files[path]
        asked = self.headers.get("Range", "")
        begin = 0 if hub.no_ranges or not asked else int(asked[len("bytes=") : -1])
        headers = {"Content-Length": str(len(content) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._head(206 if begin else 200, headers)
        rest = content[begin:]
        if hub.cuts[path] > 0:
            hub.cuts[path] -= 1
            hub.failures[path] += 99 * hub.dies
            rest = rest[: len(rest) // 2]
            self.close_connection = True
        self.wfile.write(rest)


@contextmanager
def hub_server(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve it until the end."""
    bound = type("Bound", (_Handler,), {"hub": hub})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), bound) for _ in range(2)]
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        for server in servers
    ]
    for thread in threads:
        thread.start()
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        if hub.hold is not None:
            hub.hold.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
