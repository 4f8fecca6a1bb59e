"""`python -m maoocr.cli`, where the console script is not installed."""

from . import main

main()
