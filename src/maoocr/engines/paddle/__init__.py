"""PaddleOCR itself, with models from MODEL_PATH: PP-OCR, and PP-StructureV3 where it has models."""

from .engine import PaddleEngine

__all__ = ["PaddleEngine"]
