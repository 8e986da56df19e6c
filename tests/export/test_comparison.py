"""One table of a data set's entries: a row each, floors below, figures of one grid together."""

import pathlib

import pytest

from tfgen import zoo
from tfgen.errors import UserError
from tfgen.export import card, comparison
from tfgen.export.markdown_table import table_lines
from tfgen.manifest import Entry


def entry(name, metrics, levels=17, dataset="digits", num_classes=0):
    info = {
        "summary": f"a model, {name}",
        "family": "GAN",
        "dataset": dataset,
        "levels": levels,
        "num_classes": num_classes,
        "parameters": 7,
        "metrics": metrics,
    }
    return Entry(name, pathlib.Path(name), info)


def figure(value, unit="", protocol="as told", **more):
    return {"value": value, "unit": unit, "protocol": protocol, **more}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


ENTRIES = [
    entry("a", {"nll": figure(80.5, "nats"), "distance": figure(1.0, floor=0.51)}),
    entry(
        "b",
        {
            "nll": figure(79.0, "nats", standard_error=0.5),
            "nll, bits/dim": figure(1.78, "bits/dim"),
            "distance": figure(2.0, protocol="otherwise", floor=0.51, spread=0.25),
        },
        num_classes=10,
    ),
    entry("c", {"nll": figure(90.0, "nats")}, levels=2),
    entry("d", {}, dataset="mnist"),
]


def test_a_table_has_a_row_for_each_entry_and_one_of_floors():
    text = comparison.markdown(ENTRIES[:2])
    lines = text.splitlines()
    assert lines[0] == "## digits, 17 levels"
    assert cells(lines[2]) == ["entry", "family", "nll (nats)", "distance"]
    assert cells(lines[4]) == ["`a`", "GAN", "80.50", "1"]
    assert cells(lines[5]) == ["`b`", "GAN, conditional", "79.00 ± 0.5", "2 (sd 0.25)"]
    assert cells(lines[6]) == ["*real images*", "", "–", "0.51"]
    assert lines[8] == "- nll: as told"
    assert lines[9] == "- distance: as told. Of `b`: otherwise"


def test_a_protocol_is_told_once_whatever_the_entries_numbers():
    def told(spread, floor):
        return figure(
            1.0,
            protocol=f"mean of 3 sets, standard deviation {spread}; k=3; 9 training images score "
            f"{floor}, mean of 3 sets of them, standard deviation {spread}; the two halves of "
            f"split test {floor}",
        )

    entries = [
        entry("a", {"recall": told(0.046, "0.493")}),
        entry("b", {"recall": told(3, "-1e-05")}),
    ]
    assert comparison.markdown(entries).splitlines()[-1] == (
        "- recall: mean of 3 sets; k=3; 9 training images score as in the last row, mean of 3 sets "
        "of them"
    )
    real = [figure["protocol"] for e in zoo.entries() for figure in e.info["metrics"].values()]
    shown = comparison.markdown([e for e in zoo.entries() if e.info["dataset"] == "digits"])
    assert "standard deviation" in "".join(real) and "standard deviation" not in shown


def test_figures_of_other_grids_stand_apart():
    text = comparison.markdown(ENTRIES[:3])
    assert text.index("## digits, 2 levels") < text.index("`c`") < text.index("## digits, 17")
    assert "*real" not in text.split("## digits, 17")[0]


def test_samples_in_black_and_white_stand_beside_those_of_two_levels():
    grey = entry("g", {"distance": figure(5.0, floor=0.9)}, levels=256)
    grey.info["binarised_metrics"] = {"distance": figure(4.0, floor=0.7)}
    binary = entry("c", {"distance": figure(3.0, floor=0.7)}, levels=2)
    two, many = comparison.markdown([grey, binary]).split("\n\n## ")
    rows = [cells(line) for line in two.splitlines()[4:7]]
    assert rows[0] == ["`c`", "GAN", "3"] and rows[1] == ["`g`, binarised", "GAN", "4"]
    assert rows[2] == ["*real images*", "", "0.7"]
    assert "| `g` | GAN | 5 |" in many and "binarised" not in many
    assert comparison.rows([grey, binary])[0]["binarised_metrics"] == grey.info["binarised_metrics"]
    assert "binarised_metrics" not in comparison.rows([binary])[0]


def test_floors_that_differ_are_a_range_and_figures_that_lack_are_dashes():
    other = entry("e", {"distance": figure(3.0, floor=0.6), "of 4": figure(3, "of 4")})
    last = entry("f", {"of 4": figure(4, "of 5")})
    lines = comparison.markdown([ENTRIES[0], other, last]).splitlines()
    assert cells(lines[2]) == ["entry", "family", "distance", "of 4", "nll (nats)"]
    assert cells(lines[4])[3:] == ["–", "80.50"] and cells(lines[5])[4] == "–"
    assert [cells(line)[3] for line in lines[5:7]] == ["3 of 4", "4 of 5"]
    assert cells(lines[7]) == ["*real images*", "", "0.51 to 0.6", "–", "–"]


def test_a_bar_in_a_name_does_not_end_its_cell():
    (line, *_) = table_lines(["KL(p || q)", "n"], [])
    assert line == r"| KL(p \|\| q) | n |"


def test_entries_are_found_by_their_data_set():
    assert [e.name for e in comparison.of_dataset(ENTRIES, "mnist")] == ["d"]
    with pytest.raises(UserError, match="dataset 'minst' not found; did you mean 'mnist'"):
        comparison.of_dataset(ENTRIES, "minst")


def test_an_entry_without_figures_has_its_place_in_lists():
    assert card.main_figure(ENTRIES[0].info) == ("nll", "80.50 nats")
    assert card.main_figure(ENTRIES[3].info) == ("no figure", "–")
