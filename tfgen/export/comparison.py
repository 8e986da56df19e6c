"""The figures of all entries of a data set in one table, from entry.json alone."""

from tfgen.export.card import value_text
from tfgen.export.markdown_table import table_lines
from tfgen.names import unknown

FLOOR = "*real images*"
NONE = "–"


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
    return [{"entry": entry.name, **{key: entry.info[key] for key in keys}} for entry in entries]


def markdown(entries):
    """Return the tables of entries, one for each grid of levels, whose likelihoods do not compare.

    The figures that most entries have come first. The last row holds the floors of sample quality
    where all entries state the same; protocols stand below the table. Bits per dimension, the
    likelihoods in another unit, are left out.
    """
    parts = []
    for levels in sorted({entry.info["levels"] for entry in entries}):
        group = [entry for entry in entries if entry.info["levels"] == levels]
        parts.append(f"## {group[0].info['dataset']}, {levels} levels\n\n{_table(group)}")
    return "\n\n".join(parts)


def _table(entries):
    columns = {}  # name of a figure -> entry -> figure
    for entry in entries:
        for name, figure in entry.info["metrics"].items():
            if figure["unit"] != "bits/dim":
                columns.setdefault(name, {})[entry.name] = figure
    columns = dict(sorted(columns.items(), key=lambda column: -len(column[1])))
    units = {name: {f["unit"] for f in figures.values()} for name, figures in columns.items()}
    titles = []
    for name, found in units.items():
        unit = next(iter(found)) if len(found) == 1 else ""
        titles.append(f"{name} ({unit})" if unit else name)
    rows = []
    for entry in entries:
        cells = [
            _cell(figures.get(entry.name), len(units[name]) == 1)
            for name, figures in columns.items()
        ]
        classes = ", conditional" if entry.info["num_classes"] else ""
        rows.append([f"`{entry.name}`", entry.info["family"] + classes, *cells])
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
    """The floor as text, if the figures that have one agree on it to the digits shown."""
    texts = {value_text({"value": f["floor"], "unit": ""}) for f in figures if "floor" in f}
    return texts.pop() if len(texts) == 1 else NONE


def _protocols(figures):
    """Each protocol once, the usual one first, the others with their entries."""
    entries = {}
    for name, figure in figures.items():
        entries.setdefault(figure["protocol"], []).append(f"`{name}`")
    usual, *others = sorted(entries, key=lambda protocol: -len(entries[protocol]))
    return ". ".join([usual, *(f"Of {', '.join(entries[other])}: {other}" for other in others)])
