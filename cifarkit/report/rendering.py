"""Fill a template with texts and figures: one HTML file with everything in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from cifarkit.report.artefacts import as_png

__all__ = ["rendered"]


def rendered(template: str, *, figures: Mapping[str, Figure], **values: Any) -> str:
    """Fill a template that extends `page.html.jinja`.

    Args:
        template: the name of a file in this folder.
        figures: the figures by name; they are written into the page as PNG.
        values: other names in the template: `title`, `subtitle`, `data` (its name) and more.
    """
    environment = Environment(
        loader=PackageLoader("cifarkit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = {name: base64.b64encode(as_png(it)).decode() for name, it in figures.items()}
    return environment.get_template(template).render(figures=pictures, **values)
