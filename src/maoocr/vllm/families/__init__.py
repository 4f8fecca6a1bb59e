"""Families of vision-language models, as data: how each is asked, and how its answer is read."""
