"""PixelSNAIL (Chen et al. 2017, arXiv:1712.09763).

Causal convolutions see near pixels well, attention looks up any pixel before, however far: a
first convolution with mask A, then blocks of both

    x -> residual, ..., residual -> x ------------------------------> gated 1x1s -> + x
                                    |-> causal attention over x, image, place -^

where a gated residual block is x + a * sigmoid(b), of two convolutions:

    x -> ELU -> convolution -> ELU -> dropout -> convolution to a and b

Attention leaves no pixel before unseen, so the single stack has no blind spot. Deviations: 3x3
kernels with mask B in place of shifted 2x2 ones; queries, keys and values are one product each,
without a residual block of their own; no weight normalisation. Where channels are tied by the
network, the query reads the first channel group alone (see `layers.causal_attention`).
Class-conditional biases as in Gated PixelCNN (arXiv:1606.05328).
"""

import keras
import tensorflow as tf

from tfgen.errors import check_counts, check_numbers
from tfgen.layers.causal_attention import CausalAttention, appended, penalty_of
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.product import product
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register


@register
class PixelSNAIL(AutoregressiveModel):
    """PixelSNAIL on grey or colour images.

    Args:
        image_shape: (height, width, channels).
        hidden_channels: feature maps. A multiple of the number of channels, unless the likelihood
            ties these together itself.
        num_blocks: blocks of convolutions and attention.
        num_residual: gated residual blocks in each.
        key_channels, value_channels: sizes of what attention compares and of what it returns.
        dropout: share of the maps between two convolutions that a training step drops.
        likelihood: of a pixel's levels; Categorical(256) by default.
        num_classes: 0 for an unconditional model.
    """

    def __init__(
        self,
        image_shape,
        hidden_channels=32,
        num_blocks=3,
        num_residual=2,
        key_channels=8,
        value_channels=32,
        dropout=0.0,
        likelihood=None,
        num_classes=0,
    ):
        super().__init__(image_shape, likelihood, num_classes)
        check_counts(
            hidden_channels=hidden_channels,
            num_blocks=num_blocks,
            num_residual=num_residual,
            key_channels=key_channels,
            value_channels=value_channels,
        )
        check_numbers("[0, 1)", dropout=dropout)
        self.hidden_channels = h = hidden_channels
        self.num_blocks, self.num_residual = num_blocks, num_residual
        self.key_channels, self.value_channels = key_channels, value_channels
        self.dropout = dropout
        channels, groups = self.image_shape[-1], self.groups
        self.first = MaskedConv2D(channels, h, (7, 7), "A", groups, num_classes=num_classes)
        self.residual = [  # of all blocks, one after another
            GatedResidual(h, (3, 3), groups, num_classes, dropout)
            for _ in range(num_blocks * num_residual)
        ]
        self.attention = [
            CausalAttention(h, h // groups, channels, key_channels, value_channels)
            for _ in range(num_blocks)
        ]
        self.merge = [
            GatedResidual(h, (1, 1), groups, num_classes, dropout, value_channels)
            for _ in range(num_blocks)
        ]
        self.head = MaskedConv2D(h, h, (1, 1), "B", groups)
        outputs = self.likelihood.num_parameters(channels)
        self.output_layer = MaskedConv2D(h, outputs, (1, 1), "B", groups)
        self.built = True

    def network(self, x, labels=None, noise=None):
        image, x = x, self.first(x, labels)
        inputs, memory = [], []
        for number, (attention, merge) in enumerate(zip(self.attention, self.merge, strict=True)):
            for index in self._residual_of(number):
                x, seen = self.residual[index](x, labels, noise=noise)
                inputs += seen
            found, remembered = attention(tf.nn.elu(x), image)
            memory.append(remembered)
            x, _ = merge(x, labels, found, noise=noise)
        features = {"inputs": _together(inputs), "memory": _together(memory)}
        return self.output_layer(tf.nn.elu(self.head(tf.nn.elu(x)))), features

    # The same, as steps of a raster scan. The inputs of all convolutions lie side by side, and so
    # do the memories of a row: a pixel step counts operations, not numbers.

    def start(self, batch, labels):
        height, width = self.image_shape[:2]
        sizes = self.feature_sizes()
        memory = tf.zeros([batch, sizes["memory"], height * width])
        return {
            "biases": [layer.bias_of(labels) for layer in (self.first, *self._convs())],
            "merge biases": [block.second.bias_of(labels) for block in self.merge],
            "row": tf.constant(0),
            "pixels": self.rows_of_zeros(self.first, batch),
            "inputs": tf.zeros([width, batch, sizes["inputs"]]),
            "memories": self._keys_and_values(memory),
        }

    def row(self, state):
        height, width = self.image_shape[:2]
        above = [self.first.above(state["pixels"])]
        for conv, inputs in zip(self._convs(), self._split(state["inputs"]), strict=True):
            above.append(conv.above([inputs]))
        places = [layer.place_terms(height, width) for layer in self.attention]
        finished = penalty_of(tf.fill([width], state["row"] * width), height * width)
        columns = {
            "above": [maps + bias for maps, bias in zip(above, state["biases"], strict=True)],
            "places": [[maps[state["row"]][:, None] for maps in pair] for pair in places],
            "penalty": tf.concat([finished, penalty_of(tf.range(width), width)], axis=-1),
        }
        batch, sizes = tf.shape(above[0])[1], self.feature_sizes()
        left = {
            "pixels": self.first.first_left(batch),
            "inputs": tf.zeros([batch, sizes["inputs"]]),
            # Apart from the rows above, so that a pixel is appended to little.
            "memory": tf.zeros([batch, sizes["memory"], width]),
            # The same for all pixels of the row.
            "memories above": state["memories"],
            "merge biases": state["merge biases"],
        }
        return state, columns, left

    def pixel(self, column, left, draw):
        drawn, pixel = [], []  # the groups of levels, and of network input
        residual = [([], []) for _ in self.residual]  # the groups of each convolution's input
        merged, heads = [([], []) for _ in self.merge], ([], [])
        found = []  # by each attention
        first, *above = column["above"]
        near = list(zip(above, self._split(left["inputs"]), strict=True))
        memories = zip(left["memories above"], self._keys_and_values(left["memory"]), strict=True)
        memories = list(memories)
        output_layer = self.output_layer
        for group in range(self.groups):
            x = self.first.centre(pixel, group, first, left["pixels"])
            for number, merge in enumerate(self.merge):
                for i in self._residual_of(number):
                    x = self.residual[i].centre(x, residual[i], group, *near[2 * i : 2 * i + 2])
                if group == 0:
                    place, _ = column["places"][number]
                    seen = self.attention[number].find(
                        tf.nn.elu(x), place, memories[number], column["penalty"]
                    )
                    found.append(merge.auxiliary_terms(seen))
                rests = (found[number], None), (left["merge biases"][number], None)
                x = merge.centre(x, merged[number], group, *rests)
            heads[0].append(tf.nn.elu(x))
            hidden = self.head.centre(heads[0], group, self.head.bias_of(None))
            heads[1].append(tf.nn.elu(hidden))
            parameters = output_layer.centre(heads[1], group, output_layer.bias_of(None))
            drawn.append(draw(parameters, group))
            pixel.append(self.as_input(drawn[-1]))
        memory = [
            # Attention and the merging block read the same maps.
            attention.memory_of(_together(groups), _together(pixel), place)
            for attention, (groups, _), (_, place) in zip(
                self.attention, merged, column["places"], strict=True
            )
        ]
        inputs = [part for block in residual for groups in block for part in groups]
        features = {"inputs": _together(inputs), "memory": _together(memory)}
        left = {
            **left,
            "pixels": self.first.next_left(left["pixels"], pixel),
            "inputs": features["inputs"],
            "memory": appended(left["memory"], features["memory"][..., None]),
        }
        return _together(drawn), left, features

    def finish_row(self, state, features, levels):
        rows = self._keys_and_values(tf.transpose(features["memory"], [1, 2, 0]))
        memories = zip(state["memories"], rows, strict=True)
        return {
            **state,
            "row": state["row"] + 1,
            "pixels": self.next_rows(state["pixels"], levels),
            "inputs": features["inputs"],
            "memories": [
                [appended(*pair) for pair in zip(*both, strict=True)] for both in memories
            ],
        }

    def feature_sizes(self):
        return {
            "inputs": self.hidden_channels * len(self._convs()),
            "memory": (self.key_channels + self.value_channels) * self.num_blocks,
        }

    def _split(self, inputs):
        return tf.split(inputs, len(self._convs()), axis=-1)

    def _keys_and_values(self, memory):
        """Return the (keys, values) of each attention, of memories [b, n, pixels] side by side."""
        parts = tf.split(memory, self.num_blocks, axis=1)
        return [layer.split(part, 1) for layer, part in zip(self.attention, parts, strict=True)]

    def _convs(self):
        """The convolutions that look at the row above, but for the first."""
        return [conv for block in self.residual for conv in (block.first, block.second)]

    def _residual_of(self, number):
        """The indices of a block's residual blocks."""
        return range(number * self.num_residual, (number + 1) * self.num_residual)


def _together(parts):
    return tf.concat(parts, axis=-1)


@keras.saving.register_keras_serializable(package="tfgen")
class GatedResidual(keras.layers.Layer):
    """x + a * sigmoid(b), from two causal convolutions and perhaps an auxiliary input.

    Args:
        hidden_channels: maps, in, between and out.
        kernel_size: of both convolutions, with mask B.
        groups: channel groups.
        num_classes: above 0, each class has biases of its own.
        dropout: share of the second convolution's input that a training step drops.
        auxiliary_channels: maps of the auxiliary input, which all groups may see.
    """

    def __init__(
        self,
        hidden_channels,
        kernel_size,
        groups,
        num_classes,
        dropout,
        auxiliary_channels=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.dropout, h = dropout, hidden_channels
        self.first = MaskedConv2D(h, h, kernel_size, "B", groups)
        self.second = MaskedConv2D(h, h, kernel_size, "B", groups, 2, num_classes)
        self.auxiliary_kernel = None
        if auxiliary_channels:
            self.auxiliary_kernel = self.add_weight(name="auxiliary", shape=[auxiliary_channels, h])
        self.built = True

    def call(self, x, labels=None, auxiliary=None, noise=None):
        """Return the new maps, and the inputs of the two convolutions."""
        inputs = [tf.nn.elu(x)]
        hidden = self.first(inputs[0])
        if auxiliary is not None:
            kernel = tf.cast(self.auxiliary_kernel, hidden.dtype)
            hidden += product(tf.nn.elu(auxiliary), kernel)
        inputs.append(tf.nn.elu(hidden))
        dropped = inputs[1]
        if noise is not None and self.dropout:
            kept = noise.uniform([tf.shape(x)[0], *x.shape[1:]]) >= self.dropout
            dropped *= tf.cast(kept, x.dtype) / (1 - self.dropout)
        value, gate = tf.split(self.second(dropped, labels), 2, axis=-1)
        return x + value * tf.sigmoid(gate), inputs

    # At one pixel

    def auxiliary_terms(self, auxiliary):
        """Return what auxiliary maps [b, n] add to the first convolution, and its bias: [b, h]."""
        kernel = tf.convert_to_tensor(self.auxiliary_kernel)
        return tf.nn.elu(auxiliary) @ kernel + self.first.bias_of(None)

    def centre(self, x, inputs, group, first, second):
        """Return a group of the maps at one pixel: [b, h / groups].

        Args:
            x: the group of the maps before.
            inputs: two lists, the groups so far of each convolution's input; they grow.
            group: which group.
            first, second: for each convolution, `rest` and `left` of `MaskedConv2D.centre`.
        """
        inputs[0].append(tf.nn.elu(x))
        inputs[1].append(tf.nn.elu(self.first.centre(inputs[0], group, *first)))
        value, gate = tf.split(self.second.centre(inputs[1], group, *second), 2, axis=-1)
        return x + value * tf.sigmoid(gate)
