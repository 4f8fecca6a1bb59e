"""Documents that the fake engine reads as the texts they are made of."""

import cv2

from maoocr.engines.fake import picture_of
from tests.fakes.pdf_files import Grey, Page, image, pdf

__all__ = ["png", "scan"]


def png(text: str) -> bytes:
    """A picture of a text."""
    return bytes(cv2.imencode(".png", picture_of(text))[1])


def scan(*texts: str) -> bytes:
    """A PDF with a picture of each text on a page of its own, at a point for each pixel."""
    pages = []
    for text in texts:
        picture = picture_of(text)
        height, width = picture.shape[:2]
        grey = Grey(width, height, picture[:, :, 0].tobytes())
        pages.append(Page(image("Im0", 0, 0, width, height), (width, height), images=[grey]))
    return pdf(*pages)
