"""A page as one HTML file that asks the network for nothing."""

from __future__ import annotations

from dataclasses import replace

from jinja2 import Environment, PackageLoader, StrictUndefined

from masklet.metrics.report.blocks import Page


def render(page: Page) -> str:
    """The page as HTML with its style, script and pictures inside; sections without contents are left out."""
    environment = Environment(
        loader=PackageLoader("masklet.metrics.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    full = replace(page, sections=[section for section in page.sections if not section.empty])
    return environment.get_template("page.html").render(page=full)
