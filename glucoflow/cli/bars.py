"""Progress bars for eyes: none where standard error is a file or a pipe."""

from rich.console import Console
from rich.progress import Progress


def bars(console: Console) -> Progress:
    """Bars that vanish when done."""
    return Progress(console=console, transient=True, disable=not console.is_terminal)
