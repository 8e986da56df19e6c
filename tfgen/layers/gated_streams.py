"""The two streams of PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517, sections 2.3 and 2.4).

The vertical stream u knows the rows above, the horizontal stream ul also the pixels to the left.
A resolution goes down and up again; in between it hands both streams to the next coarser one:

    u, ul -> block -> block -> halve -> coarser resolution -> double -> block -> block -> block ->
      |        |        '--------------------- skip --------------------'        |        |
      |        '------------------------------ skip -----------------------------'        |
      '--------------------------------------- skip --------------------------------------'

In a raster scan, u runs once per row and ul once per pixel, and a coarser resolution only when a
row or a pixel of its own begins: at every second of the finer one's.
"""

import keras
import tensorflow as tf

from tfgen.layers.gated_block import GatedBlock, concat_elu, with_group
from tfgen.layers.shifted_conv import Doubling, ShiftedConv2D


@keras.saving.register_keras_serializable(package="tfgen")
class Resolution(keras.layers.Layer):
    """Both streams at one resolution, down and up, around the coarser ones.

    Args:
        hidden_channels: maps of each stream.
        num_blocks: blocks of the downward pass.
        coarser: the next coarser `Resolution`, or None.
        groups: channel groups of the horizontal stream.
        dropout: rate.
        num_classes: above 0, each class has biases of its own.
    """

    def __init__(
        self, hidden_channels, num_blocks, coarser, groups, dropout, num_classes, **kwargs
    ):
        super().__init__(**kwargs)
        self.hidden_channels = h = hidden_channels
        self.coarser = coarser

        def blocks(stream, number, skip):
            shared = (groups, dropout, num_classes)
            return [GatedBlock(stream, h, skip, *shared) for _ in range(number)]

        upward = num_blocks if coarser is None else num_blocks + 1
        self.down_u = blocks("vertical", num_blocks, False)
        self.down_ul = blocks("horizontal", num_blocks, False)
        self.up_u = blocks("vertical", upward, True)
        self.up_ul = blocks("horizontal", upward, True)
        if coarser is not None:
            self.halve_u = ShiftedConv2D("vertical", h, h, stride=2)
            self.halve_ul = ShiftedConv2D("horizontal", h, h, groups, stride=2)
            self.double_u = Doubling(h)
            self.double_ul = Doubling(h, groups)
        # Maps of a pixel that its neighbours see: each block's inputs, what is halved, the output.
        halved = [] if coarser is None else [h]
        self.own_sizes = [*[2 * h] * (2 * num_blocks), *halved, *[2 * h] * (2 * upward), h]
        self.sizes = self.own_sizes + ([] if coarser is None else coarser.sizes)
        self.groups = groups
        self.built = True

    def call(self, u, ul, labels=None, noise=None):
        """Return (u, ul, maps): both streams, and the maps of ul and of the coarser ones."""
        shared = {"labels": labels, "noise": noise}
        seen_u, seen_ul = concat_elu(u), concat_elu(ul, self.groups)
        skips, maps, coarser_maps = [(seen_u, seen_ul)], [], []
        for block_u, block_ul in zip(self.down_u, self.down_ul, strict=True):
            u, seen_u, _ = block_u(u, seen_u, **shared)
            ul, seen_ul, inputs = block_ul(ul, seen_ul, vertical=seen_u, **shared)
            skips.append((seen_u, seen_ul))
            maps += inputs
        if self.coarser is None:
            skips.pop()
        else:
            maps.append(ul)
            u, ul, coarser_maps = self.coarser(self.halve_u(u), self.halve_ul(ul), **shared)
            u, ul = self.double_u(u), self.double_ul(ul)
            seen_u, seen_ul = concat_elu(u), concat_elu(ul, self.groups)
        for block_u, block_ul in zip(self.up_u, self.up_ul, strict=True):
            skip_u, skip_ul = skips.pop()
            u, seen_u, _ = block_u(u, seen_u, skip=skip_u, **shared)
            ul, seen_ul, inputs = block_ul(ul, seen_ul, skip=skip_ul, vertical=seen_u, **shared)
            maps += inputs
        coarser_maps = [tf.repeat(tf.repeat(m, 2, axis=1), 2, axis=2) for m in coarser_maps]
        return u, ul, [*maps, ul, *coarser_maps]

    # The same, as steps of a raster scan at row i and column j of this resolution

    def start(self, width, batch):
        """Return the state above the first row, which also holds what `row` finds for a row."""
        h, blocks = self.hidden_channels, len(self.down_u) + len(self.up_u)
        zeros, two = tf.zeros([width, batch, h]), tf.zeros([width, batch, 2 * h])
        state = {
            "u": [two] * (2 * blocks),
            "maps": [tf.zeros([width, batch, size]) for size in self.own_sizes],
            "columns": [zeros, two] * blocks,
            "output_u": zeros,
        }
        if self.coarser is not None:
            halved = tf.zeros([width // 2, batch, h])
            coarser = {"entry": halved, **self.coarser.start(width // 2, batch)}
            state = {**state, "halved_u": zeros, "coarser_output": zeros, "coarser": coarser}
        return state

    def row(self, state, i, u, labels):
        """Run the vertical stream along row i, and find what all rows above give to ul there."""
        above, maps = pairs(state["u"]), pairs(state["maps"])
        seen = concat_elu(u)
        skips, inputs, columns = [seen], [], []
        for block_u, block_ul in zip(self.down_u, self.down_ul, strict=True):
            u, seen, found = block_u.row(u, seen, next(above), labels=labels)
            skips.append(seen)
            inputs += found
            columns += block_ul.columns(next(maps), seen, labels)
        if self.coarser is None:
            skips.pop()
        else:
            halved = u

            def coarser_row():
                u = self.halve_u.row(state["halved_u"], halved)
                entry = self.halve_ul.column(state["maps"][2 * len(self.down_u)])
                return {**self.coarser.row(state["coarser"], i // 2, u, labels), "entry": entry}

            coarser = tf.cond(i % 2 == 0, coarser_row, lambda: state["coarser"])
            u = self.double_u.row(coarser["output_u"], i % 2)
            seen = concat_elu(u)
            state = {**state, "halved_u": halved, "coarser": coarser}
            maps = pairs(state["maps"][2 * len(self.down_u) + 1 :])
        for block_u, block_ul in zip(self.up_u, self.up_ul, strict=True):
            u, seen, found = block_u.row(u, seen, next(above), skips.pop(), labels)
            inputs += found
            columns += block_ul.columns(next(maps), seen, labels)
        return {**state, "u": inputs, "columns": columns, "output_u": u}

    def columns(self, state):
        """Return, for each pixel of the row, what `at_pixel` needs: a nest of [w, b, n]."""
        columns = {"own": state["columns"]}
        if self.coarser is not None:
            columns["coarser_output"] = state["coarser_output"]
        return columns

    def coarser_columns(self, state):
        """Return the columns of the coarser resolutions, which tick more slowly."""
        if self.coarser is None:
            return {}
        state = state["coarser"]
        return {
            "entry": state["entry"],
            "columns": self.coarser.columns(state),
            "coarser": self.coarser.coarser_columns(state),
        }

    def left(self, batch):
        """Return the maps left of the first pixel."""
        maps = [tf.zeros([batch, size]) for size in self.own_sizes]
        return {"maps": maps, "coarser": {} if self.coarser is None else self.coarser.left(batch)}

    def at_pixel(self, i, j, x, column, coarser_columns, left, now, group):
        """Run a group of the horizontal stream at pixel (i, j).

        Args:
            x: the group that enters, [b, n / groups].
            column: the pixel's slice of `columns`.
            coarser_columns: of the whole row.
            left: the maps at the pixel to the left.
            now: the maps of the pixel itself, in the same nest; groups yet to come may hold
                anything. Of coarser resolutions, `left` and `now` hold the last pixel that ran.

        Returns (the group that leaves, now).
        """
        columns, left_maps, now_maps = (
            pairs(maps) for maps in (column["own"], left["maps"], now["maps"])
        )
        maps, skips, coarser = [], [], now["coarser"]
        for block in self.down_ul:
            x, inputs = block.at_pixel(
                x, next(columns), next(left_maps), next(now_maps), None, group
            )
            maps += inputs
            skips.append(inputs[0])
        if self.coarser is not None:
            before = left["maps"][len(maps)]
            halved = with_group(now["maps"][len(maps)], x, group, self.groups)
            maps.append(halved)
            skips.append(concat_elu(halved, self.groups))

            def coarser_pixel():
                own = tf.nest.map_structure(
                    lambda rows: rows[j // 2],
                    {name: coarser_columns[name] for name in ("entry", "columns")},
                )
                x = self.halve_ul.at_pixel(own["entry"], group, before, halved)
                _, now_coarser = self.coarser.at_pixel(
                    i // 2,
                    j // 2,
                    x,
                    own["columns"],
                    coarser_columns["coarser"],
                    left["coarser"],
                    now["coarser"],
                    group,
                )
                return now_coarser

            begins = tf.logical_and(i % 2 == 0, j % 2 == 0)
            coarser = tf.cond(begins, coarser_pixel, lambda: now["coarser"])
            # In a lower row, the coarser pixel ran in the row above.
            output = tf.where(i % 2 == 0, coarser["maps"][-1], column["coarser_output"])
            x = self.double_ul.at_pixel(output, group, i % 2, j % 2)
            left_maps, now_maps = (pairs(nest["maps"][len(maps) :]) for nest in (left, now))
        for block in self.up_ul:
            x, inputs = block.at_pixel(
                x, next(columns), next(left_maps), next(now_maps), skips.pop(), group
            )
            maps += inputs
        maps.append(with_group(now["maps"][-1], x, group, self.groups))
        return x, {"maps": maps, "coarser": coarser}

    def all_maps(self, now):
        """Return the maps of this resolution, then of the coarser ones, in one list."""
        coarser = [] if self.coarser is None else self.coarser.all_maps(now["coarser"])
        return [*now["maps"], *coarser]

    def finish_row(self, state, i, maps):
        """Keep the maps [w, b, n], in the order of `all_maps`, that row i leaves."""
        own, rest = maps[: len(self.own_sizes)], maps[len(self.own_sizes) :]
        state = {**state, "maps": own}
        if self.coarser is None:
            return state

        def finish():
            coarse = [maps[::2] for maps in rest]
            return self.coarser.finish_row(state["coarser"], i // 2, coarse)

        coarser = tf.cond(i % 2 == 0, finish, lambda: state["coarser"])
        output = rest[len(self.coarser.own_sizes) - 1]
        return {**state, "coarser": coarser, "coarser_output": output}


def pairs(values):
    """Iterate over the values two by two."""
    return zip(values[::2], values[1::2], strict=False)
