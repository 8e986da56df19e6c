"""Show the trained entries of the zoo.

example: tfgen list --format json
"""

import json

from absl import flags

from tfgen import zoo

ARGUMENTS = ()


def define(values):
    flags.DEFINE_enum("format", "table", ["table", "json"], "table or json", flag_values=values)


def run(values):
    entries = zoo.entries()
    if values.format == "json":
        rows = [
            {
                "name": entry.name,
                **{
                    key: entry.info[key]
                    for key in (
                        "summary",
                        "family",
                        "dataset",
                        "image_shape",
                        "num_classes",
                        "parameters",
                        "metrics",
                    )
                },
                "bytes": entry.size,
                "path": str(entry.path),
            }
            for entry in entries
        ]
        print(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    from tfgen.export.card import main_figure

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("entry", "family", "data", "figure on the test split", "parameters", "size"):
        table.add_column(column, justify="right" if column in ("parameters", "size") else "left")
    # A name is there to be copied, and never cut off.
    table.columns[0].min_width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        info = entry.info
        table.add_row(
            entry.name,
            info["family"],
            info["dataset"],
            ": ".join(main_figure(info)),
            f"{info['parameters']:,}",
            f"{entry.size / 2**20:.1f} MiB",
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
