"""Pictures to be read, made from nothing but a seed."""

import io
import random
from functools import cache

from PIL import Image, ImageDraw, ImageFont

__all__ = ["encode", "pdf_of_pages", "random_token", "resized", "text_page", "token_picture"]

_WORDS = (
    "account amount balance bridge carbon circle company copper corner delivery "
    "distance document engine evening figure forest garden harbour invoice island "
    "journey kitchen ladder letter machine market measure minute mountain number "
    "office orange paper pattern payment pencil picture plastic pocket quality "
    "quarter railway receipt record river sample season second signal silver station "
    "summer surface table ticket timber total travel valley village water weather "
    "window winter yellow"
)


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def text_page(seed: int, width: int = 1240, height: int = 1754, size_px: int = 24) -> Image.Image:
    """A page full of lines of words, no two alike."""
    words, known = random.Random(seed), _WORDS.split()
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    margin, step = width // 12, round(size_px * 1.7)
    draw.text((margin, margin), f"Page {seed}", fill=0, font=_font(size_px * 2))
    for top in range(margin + 3 * size_px, height - margin, step):
        line = f"{words.randrange(10_000)}"
        while (longer := f"{line} {words.choice(known)}") and (
            draw.textlength(longer, font=_font(size_px)) < width - 2 * margin
        ):
            line = longer
        draw.text((margin, top), line, fill=0, font=_font(size_px))
    return page


def pdf_of_pages(pages: int, *, dpi: int = 150) -> bytes:
    """A scanned PDF: every page is a picture, none has a text layer."""
    made = [text_page(number) for number in range(1, pages + 1)]
    out = io.BytesIO()
    made[0].save(out, "PDF", save_all=True, append_images=made[1:], resolution=dpi, quality=80)
    return out.getvalue()


def random_token(source: random.Random) -> str:
    """Sixteen digits in groups of four: far from any other, and easily read."""
    return " ".join(f"{source.randrange(10_000):04d}" for _ in range(4))


def token_picture(token: str) -> bytes:
    """A small PNG that says this."""
    picture = Image.new("L", (480, 64), 255)
    ImageDraw.Draw(picture).text((20, 14), token, fill=0, font=_font(32))
    return encode(picture, "PNG")


def resized(data: bytes, factor: float) -> bytes:
    """The first page of an image at another size, as JPEG."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    size = (max(16, round(picture.width * factor)), max(16, round(picture.height * factor)))
    return encode(picture.resize(size, Image.Resampling.BILINEAR), "JPEG")


def encode(picture: Image.Image, kind: str) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    picture.save(out, kind, quality=90)
    return out.getvalue()
