import io

import pypdfium2
from PIL import Image

from bench.pictures import pdf_of_pages, resized, text_page, token_picture


def test_pages_are_the_same_for_the_same_seed_alone() -> None:
    assert text_page(1, 200, 200).tobytes() == text_page(1, 200, 200).tobytes()
    assert text_page(1, 200, 200).tobytes() != text_page(2, 200, 200).tobytes()


def test_a_scanned_pdf_has_pages_without_a_text_layer() -> None:
    document = pypdfium2.PdfDocument(pdf_of_pages(2))
    assert len(document) == 2
    assert [page.get_textpage().count_chars() for page in document] == [0, 0]
    document.close()


def test_an_image_takes_another_size() -> None:
    picture = Image.open(io.BytesIO(resized(token_picture("1234"), 0.5)))
    assert (picture.size, picture.format) == ((240, 32), "JPEG")
