"""Small PDF files, written by hand so that a test says all that is in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

A4 = (595, 842)


@dataclass
class Page:
    """A page; `content` is its content stream, `images` are named Im0, Im1, …"""

    content: bytes
    size: tuple[float, float] = A4
    rotate: int = 0
    crop: tuple[float, float, float, float] | None = None
    images: Sequence["Grey"] = ()
    annotations: Sequence[bytes] = ()


@dataclass
class Grey:
    """An 8-bit grey picture."""

    width: int
    height: int
    data: bytes = field(repr=False)


def text(x: float, y: float, words: str, size: float = 12, mode: int = 0) -> bytes:
    """Draw a line of text with its baseline at that point."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT {mode} Tr /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n".encode("latin-1")


def image(name: str, x: float, y: float, width: float, height: float) -> bytes:
    """Draw a picture into that rectangle."""
    return f"q {width} 0 0 {height} {x} {y} cm /{name} Do Q\n".encode()


def pdf(*pages: Page, form_fields: bool = False, symbolic: bool = False) -> bytes:
    """The file.

    Args:
        pages: in order.
        form_fields: the annotations of the first page are the fields of a form.
        symbolic: the font maps letters to the private use area.
    """
    objects: list[bytes] = [b"", b""]

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    font = add(_font(add(_stream(b"", _PRIVATE)) if symbolic else None))
    kids, fields = [], []
    for page in pages:
        names = " ".join(f"/Im{i} {add(_picture(im))} 0 R" for i, im in enumerate(page.images))
        content = add(_stream(b"", page.content))
        annotations = [add(body) for body in page.annotations]
        fields += annotations
        box = f"/CropBox [{' '.join(map(str, page.crop))}]" if page.crop else ""
        kids.append(
            add(
                f"<</Type/Page/Parent 2 0 R/MediaBox [0 0 {page.size[0]} {page.size[1]}]{box}"
                f"/Rotate {page.rotate}/Contents {content} 0 R/Annots [{_references(annotations)}]"
                f"/Resources <</Font <</F1 {font} 0 R>>/XObject <<{names}>>>>>>".encode()
            )
        )
    form = (
        f"/AcroForm <</Fields [{_references(fields)}]/DA (/Helv 0 Tf 0 g)>>" if form_fields else ""
    )
    objects[0] = f"<</Type/Catalog/Pages 2 0 R{form}>>".encode()
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids [{_references(kids)}]>>".encode()
    return _file(objects)


def text_field(value: str, rect: tuple[float, float, float, float]) -> bytes:
    """A form field that holds this value."""
    corners = " ".join(map(str, rect))
    return (
        f"<</Type/Annot/Subtype/Widget/FT/Tx/T (name)/V ({value})/Rect [{corners}]/F 4>>".encode()
    )


_PRIVATE = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /P def\n"
    b"1 begincodespacerange <00> <FF> endcodespacerange\n"
    b"1 beginbfrange <20> <7E> <E020> endbfrange\n"
    b"endcmap end end"
)


def _font(to_unicode: int | None) -> bytes:
    extra = f"/ToUnicode {to_unicode} 0 R" if to_unicode else "/Encoding/WinAnsiEncoding"
    return f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica{extra}>>".encode()


def _picture(grey: Grey) -> bytes:
    head = (
        f"/Type/XObject/Subtype/Image/Width {grey.width}/Height {grey.height}"
        "/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    return _stream(head.encode(), grey.data)


def _stream(head: bytes, data: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (head, len(data), data)


def _references(numbers: Sequence[int]) -> str:
    return " ".join(f"{number} 0 R" for number in numbers)


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
