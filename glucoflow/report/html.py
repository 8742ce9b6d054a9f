"""The report as one self-contained HTML file: a sheet of A4 or Letter per person, and a second one if asked for."""

from collections.abc import Sequence

import jinja2

from glucoflow.report.sheet import Sheet


def html_of(pages: Sequence[Sheet]) -> str:
    """One HTML document: no script, no file and no host besides itself."""
    loader = jinja2.PackageLoader("glucoflow.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("sheet.html.j2").render(pages=pages)
