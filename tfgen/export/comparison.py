"""The figures of all entries of a data set in one table, from entry.json alone."""

import re

from tfgen.export.card import value_text
from tfgen.export.markdown_table import table_lines
from tfgen.names import unknown

FLOOR = "*real images*"
NONE = "–"
NUMBER = r"-?\d[\d.]*(?:e[+-]?\d+)?"
# What a protocol says of the entry's own numbers, which stand in its cells and in the last row.
OWN = {
    rf", standard deviation {NUMBER}": "",
    rf" (score|it reaches) {NUMBER}": r" \1 as in the last row",
    rf"; the two halves of split \w+ {NUMBER}": "",
}


def of_dataset(entries, dataset):
    """Return those of the `Entry`s that were trained on a data set.

    Raises `UserError`, with the nearest name, if there are none.
    """
    found = [entry for entry in entries if entry.info["dataset"] == dataset]
    if not found:
        raise unknown("dataset", dataset, {entry.info["dataset"] for entry in entries})
    return found


def rows(entries):
    """Return what JSON tells of entries: of each the name, what it is, and all its figures."""
    keys = ("summary", "family", "dataset", "levels", "num_classes", "parameters", "metrics")
    keys = *keys, "binarised_metrics"  # which not all have
    return [
        {"entry": entry.name, **{key: entry.info[key] for key in keys if key in entry.info}}
        for entry in entries
    ]


def markdown(entries):
    """Return the tables of entries, one for each grid of levels, whose likelihoods do not compare.

    With the entries of two levels stand those of more whose samples were compared in black and
    white too. The figures that most entries have come first. The last row holds the floors of
    sample quality, from the lowest to the highest that entries state; protocols stand below the
    table. Bits per dimension, the likelihoods in another unit, are left out.
    """
    tables = {}  # levels -> rows of (entry, name, its figures there)
    for entry in entries:
        own = entry, f"`{entry.name}`", entry.info["metrics"]
        tables.setdefault(entry.info["levels"], []).append(own)
    for entry in entries:
        if entry.info.get("binarised_metrics"):
            drawn = entry, f"`{entry.name}`, binarised", entry.info["binarised_metrics"]
            tables.setdefault(2, []).append(drawn)
    dataset = entries[0].info["dataset"]
    parts = [
        f"## {dataset}, {levels} levels\n\n{_table(tables[levels])}" for levels in sorted(tables)
    ]
    return "\n\n".join(parts)


def _table(entries):
    columns = {}  # name of a figure -> name of the entry -> figure
    for _, called, metrics in entries:
        for name, figure in metrics.items():
            if figure["unit"] != "bits/dim":
                columns.setdefault(name, {})[called] = figure
    columns = dict(sorted(columns.items(), key=lambda column: -len(column[1])))
    units = {name: {f["unit"] for f in figures.values()} for name, figures in columns.items()}
    titles = []
    for name, found in units.items():
        unit = next(iter(found)) if len(found) == 1 else ""
        titles.append(f"{name} ({unit})" if unit else name)
    rows = []
    for entry, called, _ in entries:
        cells = [
            _cell(figures.get(called), len(units[name]) == 1) for name, figures in columns.items()
        ]
        classes = ", conditional" if entry.info["num_classes"] else ""
        rows.append([called, entry.info["family"] + classes, *cells])
    floors = [_floor(figures.values()) for figures in columns.values()]
    if set(floors) != {NONE}:
        rows.append([FLOOR, "", *floors])
    protocols = [f"- {name}: {_protocols(figures)}" for name, figures in columns.items()]
    return "\n".join([*table_lines(["entry", "family", *titles], rows), "", *protocols])


def _cell(figure, one_unit):
    if figure is None:
        return NONE
    return value_text({**figure, "unit": ""} if one_unit else figure)


def _floor(figures):
    """The floor as text, the lowest and the highest where they differ in the digits shown."""
    floors = sorted(figure["floor"] for figure in figures if "floor" in figure)
    ends = [value_text({"value": floor, "unit": ""}) for floor in (floors[:1] + floors[-1:])]
    return " to ".join(dict.fromkeys(ends)) or NONE


def _protocols(figures):
    """Each protocol once, the usual one first, the others with their entries."""
    entries = {}
    for name, figure in figures.items():
        protocol = figure["protocol"]
        for own, instead in OWN.items():
            protocol = re.sub(own, instead, protocol)
        entries.setdefault(protocol, []).append(name)
    usual, *others = sorted(entries, key=lambda protocol: -len(entries[protocol]))
    return ". ".join([usual, *(f"Of {', '.join(entries[other])}: {other}" for other in others)])
