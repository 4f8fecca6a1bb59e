"""Runs the real application on a free port: `python -m tests.browser.serve painted|ppocr`.

Prints the port once a lane is ready. Settings come from the environment, as ever.
"""

import socket
import sys
import threading

import uvicorn

from maoocr.bootstrap import create_app
from maoocr.engines.base import EngineSpec
from maoocr.settings import Settings
from maoocr.web.server import uvicorn_options

HOSTILE_TEXT = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
)
TEXTS = ("The first line", "第二行文字", HOSTILE_TEXT)


def main() -> None:
    painted = EngineSpec("painted", "tests.browser.painted:PaintedEngine", {"texts": TEXTS})
    specs = [painted] if sys.argv[1] == "painted" else None
    settings = Settings(_env_file=None, engine="painted" if specs else "ppocr")
    app = create_app(settings, specs)
    listener = socket.create_server(("127.0.0.1", 0))
    options = uvicorn_options(settings.limits.max_body_bytes)
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, **options)
    server = uvicorn.Server(config)

    def announce() -> None:
        while not (server.started and app.state.gateway.pool.ready):
            threading.Event().wait(0.02)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()

    threading.Thread(target=announce, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
