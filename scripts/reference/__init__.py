"""What is written from the code: pages on settings, metrics and errors, OpenAPI, dashboards."""

from .. import dashboards
from .errors import errors_page
from .kubernetes import rules_manifest
from .metrics import metrics_page
from .routes import openapi_document
from .settings import configuration_page, env_example

__all__ = ["PAGES"]

PAGES = {
    ".env.example": env_example,
    "docs/configuration.md": configuration_page,
    "docs/metrics.md": metrics_page,
    "docs/errors.md": errors_page,
    "docs/openapi.json": openapi_document,
    "k8s/components/monitoring/rules.yaml": rules_manifest,
    **dashboards.PAGES,
}
"""Path of each page below the checkout, and who writes it."""
