"""Pictures that each say what no other says, so that an answer is seen to be one's own."""

import io
import itertools
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

__all__ = ["RECEIPT", "RECEIPT_SAYS", "Picture", "next_picture"]

RECEIPT = Path(__file__).parents[2] / "docs/samples/receipt.jpg"
RECEIPT_SAYS = "TOTAL"
"""What stands on the sample of `docs/samples`."""

_counted = itertools.count(100_000)


class Picture:
    """A line of print with a number of its own."""

    def __init__(self, number: int) -> None:
        self.number = number
        image = Image.new("RGB", (420, 90), "white")
        font = ImageFont.load_default(size=44)
        ImageDraw.Draw(image).text((20, 18), f"Order {number}", fill="black", font=font)
        encoded = io.BytesIO()
        image.save(encoded, "PNG")
        self.data = encoded.getvalue()

    def is_read_in(self, text: str) -> bool:
        """Whether a text is that of this picture."""
        return str(self.number) in text.replace(" ", "")


def next_picture() -> Picture:
    """One that was never made before."""
    return Picture(next(_counted))
