"""What the benchmarks do with their figures: a table on the screen, and JSON for who asks."""

import json

from rich.console import Console
from rich.table import Table


def report(rows, path=None, width=140, digits=2):
    """Print dicts of one set of keys as a table; write them to `path`, a JSON file, if given."""
    table = Table()
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(
            *(f"{v:,.{digits}f}" if isinstance(v, float) else str(v) for v in row.values())
        )
    Console(width=width).print(table)
    if path:
        with open(path, "w") as file:
            json.dump(rows, file, indent=1)
