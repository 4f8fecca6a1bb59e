"""Any picture that Pillow opens -> plain RGB or grey that shows its text.

What matters here is that text stays legible, not that colours are exact.
"""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["flatten", "shrink", "to_plain"]

_DARK, _MIDDLE, _LIGHT = 0, 128, 255
_MAX_PROFILE_BYTES = 8 * 1024 * 1024
_SHORT_MAX = 65_535
_STROKE_PX = 3
_STRIP_PIXELS = 4_000_000


def shrink(image: Image.Image, max_pixels: int) -> Image.Image:
    """Scale the picture down to at most so many pixels; itself where it has no more."""
    width, height = image.size
    if width * height <= max_pixels:
        return image
    scale = math.sqrt(max_pixels / (width * height))
    # A strip may be so thin that its short side cannot shrink with the other.
    new_width = max(1, int(width * scale))
    new_height = max(1, min(int(height * scale), max_pixels // new_width))
    new_width = min(new_width, max_pixels // new_height)
    return image.resize((new_width, new_height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def to_plain(image: Image.Image, max_pixels: int) -> Image.Image:
    """The picture in mode RGB or L with at most so many pixels.

    Palettes are resolved, transparency is laid on a ground that shows the text, more than 8 bits
    are brought to 8, and colour profiles are applied where they make a visible difference.
    """
    profile = image.info.get("icc_profile")
    image = shrink(_resolve(image), max_pixels)
    if image.mode == "CMYK":
        return _with_profile(image, profile) or image.convert("RGB")
    if image.mode in {"RGBA", "LA"}:
        image = flatten(image)
    if image.mode == "RGB":
        return _with_profile(image, profile) or image
    return image


def _resolve(image: Image.Image) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA and CMYK."""
    if image.mode.startswith("I") or image.mode == "F":
        return _to_8_bit(image)
    if "transparency" in image.info and image.mode in {"1", "L", "P", "RGB"}:
        return image.convert("RGBA")
    plain = {
        "1": "L",
        "P": "RGB",
        "PA": "RGBA",
        "La": "LA",
        "RGBa": "RGBA",
        "L": "L",
        "LA": "LA",
        "RGB": "RGB",
        "RGBA": "RGBA",
        "CMYK": "CMYK",
    }
    mode = plain.get(image.mode, "RGB")
    if image.mode in {"RGBA", "LA"} and image.getchannel("A").getextrema() == (255, 255):
        mode = mode[:-1]
    return image if image.mode == mode else image.convert(mode)


def _to_8_bit(image: Image.Image) -> Image.Image:
    values: NDArray[Any] = np.asarray(image)
    step = max(1, math.isqrt(values.size // 1_000_000))
    sample = values[::step, ::step]
    if values.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return Image.new("L", image.size, _LIGHT)
    low, high = (float(v) for v in np.percentile(sample, (0.05, 99.95)))
    if (low >= 0 and _SHORT_MAX / 2 <= high <= _SHORT_MAX) or high <= low:
        low, high = 0.0, float(_SHORT_MAX)
    # Cameras and scanners with 10 or 12 bits store them in 16 without scaling them up: such a
    # picture is nearly black unless its own range is stretched.
    plain = np.empty(values.shape, dtype=np.uint8)
    rows = max(1, _STRIP_PIXELS // values.shape[1])
    for top in range(0, values.shape[0], rows):
        strip = values[top : top + rows].astype(np.float32)
        strip = np.nan_to_num(strip, nan=low, posinf=high, neginf=low)
        plain[top : top + rows] = np.clip((strip - low) * (255.0 / (high - low)), 0, 255)
    return Image.fromarray(plain)


def flatten(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on a ground from which its text stands out.

    Dark strokes on a clear ground get white, light strokes get black, and where both border on
    clear pixels the ground is a middle grey.
    """
    alpha = image.getchannel("A")
    colour = image.convert("L" if image.mode == "LA" else "RGB")
    low, high = alpha.getextrema()
    if low == high == 255:
        return colour
    level = _ground(np.asarray(colour.convert("L")), np.asarray(alpha) >= 128)
    ground = Image.new(colour.mode, colour.size, level if colour.mode == "L" else (level,) * 3)
    ground.paste(colour, mask=alpha)
    return ground


def _ground(luma: NDArray[np.uint8], visible: NDArray[np.bool_]) -> int:
    """The ground for these strokes: what counts are the pixels close to clear ones.

    Close is not only adjacent: the outermost pixels may be mixed with a ground that is gone.
    """
    near = ~visible
    for _ in range(_STROKE_PX):
        grown = near.copy()
        grown[1:] |= near[:-1]
        grown[:-1] |= near[1:]
        grown[:, 1:] |= near[:, :-1]
        grown[:, :-1] |= near[:, 1:]
        near = grown
    strokes = luma[near & visible]
    if strokes.size == 0:
        return _LIGHT
    light = float(np.mean(strokes >= 128))
    if 0.35 < light < 0.65:
        return _MIDDLE
    return _DARK if light >= 0.65 else _LIGHT


def _with_profile(image: Image.Image, profile: object) -> Image.Image | None:
    """The picture in sRGB; None where the profile is absent, broken or makes no odds."""
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _MAX_PROFILE_BYTES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), image.mode, "RGB"
        )
        return ImageCms.applyTransform(image, transform) if _worthwhile(transform, image) else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _worthwhile(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> bool:
    """Whether the profile changes lightness by an amount that could touch the legibility of text.

    Conversion takes far longer than decoding, and the profiles of phones and monitors move colours
    hardly at all. One that does not keep paper light and ink dark is nonsense.
    """
    bands = len(image.getbands())
    steps = np.linspace(0, 255, 5).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * bands), axis=-1).reshape(1, -1, bands)
    swatch = Image.fromarray(grid, mode=image.mode) if bands == 4 else Image.fromarray(grid)
    plain = np.asarray(swatch.convert("RGB").convert("L")).astype(int)
    applied = ImageCms.applyTransform(swatch, transform)
    if applied is None:
        return False
    converted = np.asarray(applied.convert("L")).astype(int)
    paper, ink = int(np.argmax(plain)), int(np.argmin(plain))
    if converted[0, paper] < 200 or converted[0, ink] > 100:
        return False
    return bool(np.abs(converted - plain).max() > 32)
