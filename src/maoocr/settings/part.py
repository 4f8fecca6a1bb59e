"""What every part of the tree is."""

from pydantic import BaseModel, ConfigDict

__all__ = ["MIB", "Part"]

MIB = 1024 * 1024


class Part(BaseModel):
    """Frozen; a name that is unknown is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
