"""`python -m scripts.reference` writes every page."""

from pathlib import Path

from . import PAGES

ROOT = Path(__file__).parents[2]

for path, page in PAGES.items():
    target = ROOT / path
    target.parent.mkdir(exist_ok=True)
    target.write_text(page(), encoding="utf-8")
