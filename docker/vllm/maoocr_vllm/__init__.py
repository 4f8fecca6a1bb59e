"""Starts vLLM in its container: what it is to serve, with which flags, and not before it is there.

The standard library alone, so that it runs in any image that has vLLM.
"""
