"""Cards of entries and the README's table of them, written from entry.json and never by hand."""

import pathlib

from tfgen.errors import UserError
from tfgen.export.markdown_table import table_lines

START, END = "<!-- zoo table -->", "<!-- end of zoo table -->"


def card(info, address=None):
    """Return an entry's README.md, markdown; it is loaded from `address`, else by its name."""
    name, training = info["name"], info["training"]
    shape = "x".join(map(str, info["image_shape"]))
    batch = ", ".join(map(str, [16, *info["image_shape"]]))
    label = f", labels={min(3, info['num_classes'] - 1)}" if info["num_classes"] else ""
    lines = [
        f"# {name}",
        "",
        f"{info['summary']}; trained on `{info['dataset']}` ({shape}, {info['levels']} levels).",
        *(("", f"Its classes: {classes_text(info['class_names'])}.") if label else ()),
        "",
        "![samples](samples.png)",
        "",
        *(_training_picture(training) if "training.png" in info["files"] else ()),
        "```python",
        "import tfgen",
        "",
        f'model = tfgen.load("{address or name}")',
        f"images = model.sample(16, seed=0{label})  # uint8 [{batch}]",
        "```",
        "",
        "## Figures",
        "",
        *_figures(info["metrics"]),
    ]
    if info.get("binarised_metrics"):
        lines += ["", "In black and white, as samples of two levels are compared:", ""]
        lines += _figures(info["binarised_metrics"])
    if info.get("published"):
        lines += ["", f"Published, for comparison: {info['published']}."]
    recipe = info["recipe"]
    lines += [
        "",
        "## Training",
        "",
        f"{info['parameters']:,} trainable parameters; {training['steps']:,} steps of "
        f"{recipe['batch_size']} images in {training['seconds']:,.0f} s "
        f"({training['images_per_second']:,.0f} images/s) on {training['hardware']}; "
        f"seed {training['seed']}. {_kept(info)}".rstrip(),
    ]
    if "finetuned_from" in training:
        kept, fresh = len(training["weights_kept"]), len(training["weights_fresh"])
        lines += [
            "",
            f"Fine-tuned from `{training['finetuned_from']}`: {kept} weights kept, {fresh} fresh.",
        ]
    lines += ["", *_history(training["history"])]
    files = [[file, f"{about['bytes']:,}"] for file, about in info["files"].items()]
    lines += ["## Files", "", *table_lines(["file", "bytes"], files)]
    versions = ", ".join(f"{package} {version}" for package, version in info["versions"].items())
    return "\n".join([*lines, "", f"Written by {versions}.", ""])


def _training_picture(training):
    # Older entries do not hold the steps.
    steps = [f"{step:,}" for step in training.get("pictured_steps", ())]
    after = f", after {', '.join(steps)} steps" if steps else ""
    return [f"Samples over the training{after}:", "", "![training](training.png)", ""]


def classes_text(names):
    """Return which number stands for which class, of those names."""
    if all(name == str(number) for number, name in enumerate(names)):
        return f"0..{len(names) - 1}"
    return ", ".join(f"{number} {name}" for number, name in enumerate(names))


def _figures(metrics):
    rows = [[name, value_text(figure), figure["protocol"]] for name, figure in metrics.items()]
    return table_lines(["figure", "value", "protocol"], rows)


def value_text(figure):
    """Return a figure with its unit, and its standard error or spread over sets of samples."""
    value = figure["value"]
    text = f"{value:.4g}" if abs(value) < 10 or isinstance(value, int) else f"{value:.2f}"
    if figure.get("standard_error") is not None:
        text += f" ± {figure['standard_error']:.2g}"
    spread = f" (sd {figure['spread']:.2g})" if "spread" in figure else ""
    return f"{text} {figure['unit']}".strip() + spread


def main_figure(info):
    """Return (name, text) of the figure that stands for an entry in lists: its first, if any."""
    for name, figure in info["metrics"].items():
        return name, value_text(figure)
    return "no figure", "–"


def table(entries):
    """Return the markdown table of entries."""
    rows = []
    for entry in entries:
        info = entry.info
        name, text = main_figure(info)
        link = f"[`{entry.name}`](zoo/{entry.name}/README.md)"
        parameters, seconds = info["parameters"], info["training"]["seconds"]
        rows.append(
            [link, info["summary"], f"{name}: {text}", f"{parameters:,}", f"{seconds:,.0f} s"]
        )
    columns = ["entry", "model", "figure on the test split", "parameters", "training"]
    return "\n".join(table_lines(columns, rows))


def update_readme(path, entries):
    """Rewrite the table between the two marks of the README at `path`."""
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise UserError(f"{path} lacks the marks {START} and {END}.")
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{START}\n{table(entries)}\n{END}{after}", encoding="utf-8")


def _kept(info):
    """Say at which step the weights were what the entry keeps."""
    history, select = info["training"]["history"], info["recipe"].get("select")
    if not select or not history:
        return "The weights are those of the last step." if history else ""
    best = min(reversed(history), key=lambda row: row[f"val_{select}"])
    return f"The weights are those of step {best['step']:,}, the best on the validation split."


def _history(history):
    """A few points of the learning curve."""
    if not history:
        return []
    columns = [key for key in history[-1] if key == "step" or key.startswith("val_")]
    chosen = [history[round(i * (len(history) - 1) / 7)] for i in range(8)]
    chosen = [row for i, row in enumerate(chosen) if row not in chosen[:i]]
    rows = [[row[key] for key in columns] for row in chosen]
    loss = "; `val_loss` is what training makes small" if "val_loss" in columns else ""
    return [f"On the validation split{loss}:", "", *table_lines(columns, rows), ""]


if __name__ == "__main__":
    from tfgen import zoo

    for _entry in zoo.entries():
        (_entry.path / "README.md").write_text(card(_entry.info), encoding="utf-8")
    update_readme("README.md", zoo.entries())
