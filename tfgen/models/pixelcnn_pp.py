"""PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517).

Two streams, one of the rows above and one of the pixels to the left as well, leave no blind spot.
Gated residual blocks run at several resolutions, with shortcuts from the way down to the way up,
so that pixels far away are seen through few layers. The likelihood is a mixture of discretised
logistics (`likelihoods.DiscretizedLogisticMixture`), which ties the colours of a pixel together.

Deviations: no weight normalisation, hence no initialisation by data either; the vertical stream is
up-sampled by 2x2 kernels, the paper's code takes 2x3; no map of ones beside the image. A Bernoulli
or Categorical likelihood works as well: on colour images the horizontal stream is then split into
channel groups, as in PixelCNN.
"""

import tensorflow as tf

from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.layers.gated_streams import Resolution
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.shifted_conv import ShiftedConv2D
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register


@register
class PixelCNNPP(AutoregressiveModel):
    """PixelCNN++ on grey or colour images.

    Args:
        image_shape: (height, width, channels); height and width multiples of
            2 ** (num_resolutions - 1).
        hidden_channels: maps of each stream. A multiple of the number of channels, unless the
            likelihood ties these together itself.
        num_blocks: gated blocks of each resolution on the way down; as many on the way up, and one
            more but at the coarsest.
        num_resolutions: each halves height and width; 1 for none but the image's own.
        dropout: rate inside the blocks, in training.
        likelihood: of a pixel's levels; DiscretizedLogisticMixture(256, 10) by default.
        num_classes: 0 for an unconditional model.
    """

    def __init__(
        self,
        image_shape,
        hidden_channels=64,
        num_blocks=3,
        num_resolutions=3,
        dropout=0.5,
        likelihood=None,
        num_classes=0,
    ):
        likelihood = likelihood or DiscretizedLogisticMixture(256, 10)
        super().__init__(image_shape, likelihood, num_classes)
        height, width, channels = self.image_shape
        check_counts(
            hidden_channels=hidden_channels, num_blocks=num_blocks, num_resolutions=num_resolutions
        )
        check_numbers("[0, 1)", dropout=dropout)
        multiple = 2 ** (num_resolutions - 1)
        if height % multiple or width % multiple:
            raise UserError(
                f"images of {height}x{width} pixels cannot be halved {num_resolutions - 1} times; "
                f"choose a height and width that are multiples of {multiple}, or fewer "
                "num_resolutions."
            )
        self.hidden_channels = h = hidden_channels
        self.num_blocks, self.num_resolutions = num_blocks, num_resolutions
        self.dropout = dropout
        self.first_u = ShiftedConv2D("vertical", channels, h)
        self.first_ul = MaskedConv2D(channels, h, (3, 3), "A", self.groups)
        streams = None
        for _ in range(num_resolutions):
            streams = Resolution(h, num_blocks, streams, self.groups, dropout, num_classes)
        self.streams = streams
        outputs = self.likelihood.num_parameters(channels)
        self.output_layer = MaskedConv2D(h, outputs, (1, 1), "B", self.groups)
        self.built = True

    def network(self, x, labels=None, noise=None):
        above = tf.pad(x, [[0, 0], [1, 0], [0, 0], [0, 0]])[:, :-1]
        u, ul = self.first_u(above), self.first_ul(x)
        _, ul, maps = self.streams(u, ul, labels=labels, noise=noise)
        return self.output_layer(tf.nn.elu(ul)), tf.concat(maps, axis=-1)

    # The same, as steps of a raster scan

    def start(self, batch, labels):
        height, width, channels = self.image_shape
        state = {
            "row": tf.constant(0),
            "pixels": [tf.zeros([width, batch, channels])] * 2,
            "streams": self.streams.start(width, batch),
        }
        return state if labels is None else {**state, "labels": labels}

    def row(self, state):
        i, pixels = state["row"], state["pixels"]
        batch = tf.shape(pixels[0])[1]
        u = self.first_u.row(*pixels)
        streams = self.streams.row(state["streams"], i, u, state.get("labels"))
        columns = {
            "first": self.first_ul.above(pixels[1:]) + self.first_ul.bias_of(None),
            "streams": self.streams.columns(streams),
        }
        left = {
            "place": (i, tf.constant(0)),
            "pixel": self.first_ul.first_left(batch),
            "coarser_columns": self.streams.coarser_columns(streams),
            "streams": self.streams.left(batch),
        }
        return {**state, "streams": streams}, columns, left

    def pixel(self, column, left, draw):
        i, j = left["place"]
        now = left["streams"]
        drawn, pixel, outputs = [], [], []  # groups: of levels, network input, the last maps
        for group in range(self.groups):
            x = self.first_ul.centre(pixel, group, column["first"], left["pixel"])
            x, now = self.streams.at_pixel(
                i,
                j,
                x,
                column["streams"],
                left["coarser_columns"],
                left["streams"],
                now,
                group,
            )
            outputs.append(tf.nn.elu(x))
            bias = self.output_layer.bias_of(None)
            drawn.append(draw(self.output_layer.centre(outputs, group, bias), group))
            pixel.append(self.as_input(drawn[-1]))
        features = tf.concat(self.streams.all_maps(now), axis=-1)
        left = {
            **left,
            "place": (i, j + 1),
            "pixel": self.first_ul.next_left(left["pixel"], pixel),
            "streams": now,
        }
        return tf.concat(drawn, axis=-1), left, features

    def finish_row(self, state, features, levels):
        i = state["row"]
        maps = tf.split(features, self.streams.sizes, axis=-1)
        return {
            **state,
            "row": i + 1,
            "pixels": self.next_rows(state["pixels"], levels),
            "streams": self.streams.finish_row(state["streams"], i, maps),
        }

    def feature_sizes(self):
        return sum(self.streams.sizes)
