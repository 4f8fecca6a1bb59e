"""The parts of OpenAPI that FastAPI can't see: bodies that are read as they arrive."""

from typing import Any

from ..exports import formats
from ..service.options import OPTIONS, OptionSpec
from ..service.requirements import CHOICES, FLAGS, NUMBERS

__all__ = ["job_operation", "recognize_answers", "recognize_operation"]

_EXTRA: dict[str, dict[str, Any]] = {
    "engine": {"type": "string", "description": "Engine by name; left out, the server chooses."},
    "format": {
        "type": "string",
        "enum": list(formats),
        "default": "json",
        "description": "Form of the answer; `jsonl` sends each page as soon as it is read.",
    },
}


def recognize_operation(*, with_requirements: bool) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a document."""
    options = {spec.name: _schema(spec) for spec in OPTIONS} | _EXTRA
    image = {"type": "string", "format": "binary", "description": "The image or document."}
    url = {
        "type": "string",
        "description": "An http or https URL; only where MAOOCR_OUTBOUND__IMAGE_URL is set.",
    }
    form = {"image": image, "image_url": url, **options}
    sources = {
        "image_base64": {
            "type": "string",
            "description": "The bytes in base64; a `data:` URL is taken too.",
        },
        "image_url": url,
        "image_path": {
            "type": "string",
            "description": "A file of the server, below MAOOCR_LOCAL_FILES_ROOT.",
        },
    }
    body = {**sources, **options}
    if with_requirements:
        requirements = _requirements()
        body["requirements"] = requirements
        form["requirements"] = {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": requirements,
            "description": "A JSON object as text.",
        }
    raw = {"schema": {"type": "string", "format": "binary"}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": form,
                        "oneOf": [{"required": ["image"]}, {"required": ["image_url"]}],
                    }
                },
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": body,
                        "oneOf": [{"required": [name]} for name in sources],
                    }
                },
                "image/*": raw,
                "application/pdf": raw,
                "application/octet-stream": raw,
            },
        },
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in options.items()
        ],
    }


def job_operation() -> dict[str, Any]:
    """`openapi_extra` of the route that takes many documents."""
    options = {spec.name: _schema(spec) for spec in OPTIONS} | {"engine": _EXTRA["engine"]}
    files = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "format": "binary"},
        "description": "The images and documents, each under this name.",
    }
    form = {
        "files": files,
        **options,
        "requirements": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": _requirements(),
            "description": "A JSON object as text.",
        },
        "priority": {
            "type": "integer",
            "minimum": -100,
            "maximum": 100,
            "default": 0,
            "description": "Jobs with a higher one go first.",
        },
        "webhook_url": {
            "type": "string",
            "format": "uri",
            "description": "Is told when the job has ended; see the documentation of webhooks.",
        },
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["files"], "properties": form}
                }
            },
        },
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "The same key and request give the same job again.",
            }
        ],
    }


def recognize_answers() -> dict[int | str, dict[str, Any]]:
    """`responses=` of the same routes: the answer in each form that `format` names."""
    others = {form.media_type.partition(";")[0] for form in formats.values()}
    text = {"schema": {"type": "string"}}
    content = dict.fromkeys(sorted(others - {"application/json"}), text)
    return {200: {"description": "What was read", "content": content}}


def _schema(spec: OptionSpec) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "string" if spec.type == "enum" else spec.type,
        "description": spec.description,
    }
    # A language is told in more ways than the form offers.
    if spec.values and spec.name != "language":
        schema["enum"] = [value for value, _ in spec.values]
    if spec.default is not None:
        schema["default"] = spec.default
    if spec.minimum is not None:
        schema["minimum"] = spec.minimum
    if spec.maximum is not None:
        schema["maximum"] = spec.maximum
    return schema


def _requirements() -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": "string", "enum": list(values)} for name, values in CHOICES.items()
    }
    properties["language"] = {"type": "string", "default": "auto"}
    properties |= {name: {"type": "boolean", "default": False} for name in FLAGS}
    properties |= {
        name: {"type": "number", "minimum": least, "maximum": greatest}
        for name, (least, greatest) in NUMBERS.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}
