"""Families of vision-language models, as data: how each is asked, and how its answer is read."""

from .base import Family, Parsed, ParsedBlock, Prompt, Sampling, Scaling, Sent, Task
from .known import FAMILIES, family_named, family_of

__all__ = [
    "FAMILIES",
    "Family",
    "Parsed",
    "ParsedBlock",
    "Prompt",
    "Sampling",
    "Scaling",
    "Sent",
    "Task",
    "family_named",
    "family_of",
]
