"""The front door: `uvicorn maoocr.api:app`, or `src.maoocr.api:app` in a checkout."""

from .bootstrap import create_app
from .settings import Settings

app = create_app(Settings())
