"""Measurements of MaoOCR on this machine: `python -m bench --help`."""
