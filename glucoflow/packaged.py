"""The files that ship beside the code: index templates, dashboards, charts."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "_data"
_IN_TREE = Path(__file__).parents[1]


def packaged(folder: str) -> Path:
    """Where a folder of the repository (`index_templates`, `kibana`) is: in the installed package, else in the tree."""
    installed = _INSTALLED / folder
    return installed if installed.is_dir() else _IN_TREE / folder
