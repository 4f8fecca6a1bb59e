"""PP-OCR: Baidu's detector and recognizer (PP-OCRv6), on OpenVINO or ONNX Runtime."""

from .engine import PpocrEngine

__all__ = ["PpocrEngine"]
