"""Tables of markdown."""


def table_lines(columns, rows):
    """Return the lines of a table: its `columns`' names, and `rows` of as many cells."""
    return [_line(columns), _line(["---"] * len(columns)), *map(_line, rows)]


def _line(cells):
    texts = [str(cell).replace("|", r"\|") for cell in cells]  # a bare bar would end the cell
    return f"| {' | '.join(texts)} |"
