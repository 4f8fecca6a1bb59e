import io
import itertools
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFont

from maoocr.documents.sandbox import PageImage
from maoocr.errors import InvalidRequest, UnreadableDocument
from tests.fakes.shelf import Shelf

pytestmark = pytest.mark.integration

FONT = ImageFont.load_default(24)


def drawn(
    mode: str = "L", ground: int | tuple[int, ...] = 255, ink: int | tuple[int, ...] = 0
) -> Image.Image:
    picture = Image.new(mode, (200, 60), ground)
    ImageDraw.Draw(picture).text((10, 15), "Total 31", fill=ink, font=FONT)
    return picture


def stored(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pixels(shelf: Shelf, data: bytes, number: int = 1) -> PageImage:
    image = shelf.read(data, number).image
    assert image is not None
    assert image.flags.writeable is False
    return image


def contrast(image: PageImage) -> int:
    low, high = np.percentile(image.mean(axis=2), (1, 99))
    return int(high - low)


@pytest.mark.parametrize(
    ("ink", "ground_is"),
    [((0, 0, 0, 255), 255), ((255, 255, 255, 255), 0), ((250, 240, 90, 255), 0)],
)
def test_text_on_a_clear_ground_is_laid_on_one_that_shows_it(
    shelf: Shelf, ink: tuple[int, ...], ground_is: int
) -> None:
    for clear in ((0, 0, 0, 0), (255, 255, 255, 0)):
        image = pixels(shelf, stored(drawn("RGBA", clear, ink)))
        assert image[0, 0].tolist() == [ground_is] * 3
        assert contrast(image) > 150


def test_dark_and_light_text_on_one_clear_ground_both_show(shelf: Shelf) -> None:
    picture = Image.new("RGBA", (420, 60), (0, 0, 0, 0))
    for x, ink in ((0, (0, 0, 0, 255)), (200, (255, 255, 255, 255))):
        ImageDraw.Draw(picture).text((x + 10, 15), "Total 31", fill=ink, font=FONT)
    image = pixels(shelf, stored(picture))
    assert contrast(image[:, :200]) > 100
    assert contrast(image[:, 200:]) > 100


def test_the_clear_colour_of_a_palette_and_of_plain_colours_is_clear(shelf: Shelf) -> None:
    palette = drawn("RGB", (10, 10, 10), (255, 255, 255)).quantize(4)
    clear = palette.getpixel((0, 0))
    image = pixels(shelf, stored(palette, transparency=clear))
    assert contrast(image) > 150
    image = pixels(shelf, stored(drawn("RGB", (1, 1, 1), (0, 0, 0)), transparency=(1, 1, 1)))
    assert contrast(image) > 150


@pytest.mark.parametrize(("low", "high"), [(0, 65_535), (0, 1023), (900, 1300)])
def test_sixteen_bits_are_stretched_where_only_few_are_used(
    shelf: Shelf, low: int, high: int
) -> None:
    values = np.asarray(drawn()).astype(np.float64) / 255 * (high - low) + low
    image = pixels(shelf, stored(Image.fromarray(values.astype(np.uint16))))
    assert contrast(image) > 200


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pictures_of_measurements_are_read(shelf: Shelf, mode: str) -> None:
    picture = Image.fromarray(np.asarray(drawn()).astype(np.float32) / 255 * 70_000 - 5)
    assert contrast(pixels(shelf, stored(picture.convert(mode), "TIFF"))) > 200


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65_535])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pages_are_upright_by_their_exif_orientation(
    shelf: Shelf, orientation: int, kind: str
) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = drawn("RGB", (255,) * 3, (0,) * 3)
    turned = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    page = shelf.read(stored(turned, kind, exif=exif, **options))
    assert page.image is not None
    assert (page.width, page.height) == (200, 60)
    assert abs(page.image.astype(int) - np.asarray(upright)).mean() < 4


def test_a_profile_that_darkens_everything_is_applied_and_nonsense_is_not(shelf: Shelf) -> None:
    linear = ImageCms.ImageCmsProfile(io.BytesIO(linear_rgb_profile()))
    faint = drawn("RGB", (255,) * 3, (30,) * 3)
    plain = pixels(shelf, stored(faint))
    converted = pixels(shelf, stored(faint, icc_profile=linear.tobytes()))
    garbage = pixels(shelf, stored(faint, icc_profile=b"garbage" * 50))
    assert converted.min() > plain.min() + 60
    assert (garbage == plain).all()


def linear_rgb_profile() -> bytes:
    """A matrix profile with the primaries of sRGB and no gamma (ICC.1:2010)."""

    def tag(signature: bytes, data: bytes) -> bytes:
        return signature + bytes(4) + data

    def xyz(x: float, y: float, z: float) -> bytes:
        return tag(b"XYZ ", struct.pack(">3i", *(round(v * 65_536) for v in (x, y, z))))

    curve = tag(b"curv", struct.pack(">I", 0))
    tags = {
        b"desc": tag(b"desc", struct.pack(">I", 7) + b"linear\0" + bytes(78)) + bytes(3),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += signature + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63_190, 65_536, 54_061)
    return head + bytes(128 - len(head)) + table + body


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_page_of_many_pixels_is_scaled_down_and_says_by_how_much(shelf: Shelf, kind: str) -> None:
    large = drawn().resize((10_000, 3_000))
    page = shelf.read(stored(large, kind))
    assert page.image is not None
    height, width = page.image.shape[:2]
    assert (page.width, page.height) == (10_000, 3_000)
    assert 20_000_000 < width * height <= 25_000_000
    assert page.scale == pytest.approx(width / 10_000)
    assert contrast(page.image) > 200


def test_a_strip_keeps_its_short_side(shelf: Shelf) -> None:
    page = shelf.read(stored(Image.new("L", (30_000, 20), 255)))
    assert page.image is not None
    assert page.image.shape == (20, 30_000, 3)


def tiff(levels: list[int], **options: object) -> bytes:
    frames = [Image.new("L", (64, 32), level) for level in levels]
    return stored(frames[0], "TIFF", save_all=True, append_images=frames[1:], **options)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_the_pages_of_a_tiff_come_in_any_order(shelf: Shelf, options: dict[str, object]) -> None:
    data = tiff(list(range(10, 250, 10)), **options)
    assert shelf.pages(data) == 24
    for number in (24, 1, 12):
        assert pixels(shelf, data, number).mean() == 10 * number
    with pytest.raises(InvalidRequest, match="24 page"):
        shelf.read(data, 25)


def test_a_tiff_whose_pages_lead_back_to_the_first_ends_there(shelf: Shelf) -> None:
    data = bytearray(tiff([10, 20]))
    first = struct.unpack_from("<I", data, 4)[0]
    second_pointer = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    second = struct.unpack_from("<I", data, second_pointer)[0]
    last_pointer = second + 2 + 12 * struct.unpack_from("<H", data, second)[0]
    struct.pack_into("<I", data, last_pointer, first)
    assert shelf.pages(bytes(data)) == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_that_ends_early_is_refused_and_not_read_in_part(shelf: Shelf, kind: str) -> None:
    noise = Image.fromarray(
        np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    )
    data = stored(noise, kind)
    with pytest.raises(UnreadableDocument, match="ends early"):
        shelf.read(data[: len(data) // 2])


def test_pages_of_one_decoder_do_not_share_their_pixels(shelf: Shelf) -> None:
    first = pixels(shelf, stored(Image.new("L", (50, 50), 10)))
    second = pixels(shelf, stored(Image.new("L", (50, 50), 200)))
    assert (first == 10).all()
    assert (second == 200).all()


def test_colours_come_as_red_green_blue_in_every_kind(shelf: Shelf) -> None:
    colour = (200, 100, 20)
    for kind, mode in itertools.product(("PNG", "BMP", "TIFF", "PPM"), ("RGB",)):
        image = pixels(shelf, stored(Image.new(mode, (20, 20), colour), kind))
        assert image[10, 10].tolist() == list(colour)
