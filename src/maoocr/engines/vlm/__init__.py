"""Vision-language models behind an endpoint, as an engine: pictures out, text with structure in."""
