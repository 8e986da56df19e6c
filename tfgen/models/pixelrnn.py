"""PixelRNN (van den Oord et al. 2016, arXiv:1601.06759): Row LSTM and Diagonal BiLSTM.

A 7x7 convolution with mask A, residual recurrent layers, and a head of two ReLU, 1x1 layers. The
Row LSTM sees a triangle above each pixel, the Diagonal BiLSTM all that came before; see
`layers.row_lstm` and `layers.diagonal_lstm`. Their scans run under XLA, whose loops are much faster
than the graph's; all else does not, since XLA's convolutions are slower.
"""

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.layers.diagonal_lstm import DiagonalBiLSTM
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.row_lstm import RowLSTM
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register

VARIANTS = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}


@register
class PixelRNN(AutoregressiveModel):
    """PixelRNN on grey or colour images.

    Args:
        image_shape: (height, width, channels).
        variant: "row" (Row LSTM) or "diagonal" (Diagonal BiLSTM).
        hidden_channels: h, maps of each gate; 2h between layers. A multiple of the number of
            channels, unless the likelihood ties these together itself.
        num_layers: recurrent layers.
        likelihood: of a pixel's levels; Categorical(256) by default.
        num_classes: 0 for an unconditional model.
    """

    def __init__(
        self,
        image_shape,
        variant="diagonal",
        hidden_channels=16,
        num_layers=7,
        likelihood=None,
        num_classes=0,
    ):
        super().__init__(image_shape, likelihood, num_classes)
        if variant not in VARIANTS:
            raise UserError(f"variant must be one of {', '.join(VARIANTS)}, but is '{variant}'.")
        self.variant = variant
        self.hidden_channels = h = hidden_channels
        self.num_layers = num_layers
        channels = self.image_shape[-1]
        self.first = MaskedConv2D(channels, 2 * h, (7, 7), "A", self.groups)
        self.recurrent = [VARIANTS[variant](h, self.groups, num_classes) for _ in range(num_layers)]
        self.head = MaskedConv2D(2 * h, 2 * h, (1, 1), "B", self.groups)
        outputs = self.likelihood.num_parameters(channels)
        self.output_layer = MaskedConv2D(2 * h, outputs, (1, 1), "B", self.groups)
        self._fast_score = tf.function(self._fast_score, autograph=False)
        self.built = True

    def network(self, x, labels=None, noise=None, compiled=False):
        x = self.first(x)
        features = []
        for layer in self.recurrent:
            x, found = layer(x, labels, compiled=compiled)
            features.append(found)
        return self.output_layer(tf.nn.relu(self.head(tf.nn.relu(x)))), features

    def fast_network(self, x, labels=None, noise=None):
        return self.network(x, labels, noise, compiled=True)

    # The same, as steps of a raster scan

    def start(self, batch, labels):
        width = self.image_shape[1]
        return {
            "pixels": self.rows_of_zeros(self.first, batch),
            "layers": [layer.start(batch, width, labels) for layer in self.recurrent],
        }

    def row(self, state):
        first = self.first.above(state["pixels"]) + self.first.bias_of(None)
        batch = tf.shape(first)[1]
        layers = [
            layer.row(before) for layer, before in zip(self.recurrent, state["layers"], strict=True)
        ]
        left = {
            "pixels": self.first.first_left(batch),
            "layers": [layer.first_left(batch) for layer in self.recurrent],
        }
        return state, {"first": first, "layers": layers}, left

    def pixel(self, column, left, draw):
        memories = [
            layer.begin_pixel(own, before)
            for layer, own, before in zip(
                self.recurrent, column["layers"], left["layers"], strict=True
            )
        ]
        drawn, pixel, xs, hidden = [], [], [], []
        for group in range(self.groups):
            x = self.first.centre(pixel, group, column["first"], left["pixels"])
            for layer, memory in zip(self.recurrent, memories, strict=True):
                x = layer.at_pixel(memory, x, group)
            drawn.append(draw(self.head_at_pixel(x, xs, hidden, group), group))
            pixel.append(self.as_input(drawn[-1]))
        ends = [layer.end_pixel(m) for layer, m in zip(self.recurrent, memories, strict=True)]
        pixels = self.first.next_left(left["pixels"], pixel)
        left = {"pixels": pixels, "layers": [before for before, _ in ends]}
        return tf.concat(drawn, axis=-1), left, [features for _, features in ends]

    def finish_row(self, state, features, levels):
        layers = [
            layer.finish_row(before, found)
            for layer, before, found in zip(self.recurrent, state["layers"], features, strict=True)
        ]
        return {"pixels": self.next_rows(state["pixels"], levels), "layers": layers}

    def feature_sizes(self):
        return [layer.feature_sizes() for layer in self.recurrent]
