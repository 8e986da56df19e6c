"""The bar that shows on standard error how far something is."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(what, *columns, shown=True):
    """Return rich's `Progress` of `what`, with more columns before the time that is left.

    Without a terminal, and unless `shown`, it shows nothing.
    """
    console = Console(stderr=True)
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not (shown and console.is_terminal),
    )
