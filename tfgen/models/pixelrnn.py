"""PixelRNN (van den Oord et al. 2016, arXiv:1601.06759): Row LSTM and Diagonal BiLSTM.

A 7x7 convolution with mask A, residual recurrent layers, and a head of two ReLU, 1x1 layers. The
Row LSTM sees a triangle above each pixel, the Diagonal BiLSTM all that came before (but for the
last pixel of the row above, which nobody to its right can hand on: only the first convolution's
reach, three columns, shows it); see `layers.row_lstm` and `layers.diagonal_lstm`. Their scans run
under XLA (unless TFGEN_XLA=0), whose loops are much faster than the graph's; all else does not,
since XLA's convolutions are slower.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen import xla
from tfgen.errors import UserError, check_counts
from tfgen.images import levels_to_unit
from tfgen.layers.diagonal_lstm import DiagonalBiLSTM
from tfgen.layers.masked_conv import MaskedConv2D
from tfgen.layers.product import product
from tfgen.layers.row_lstm import RowLSTM
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import register
from tfgen.sampling import raster

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
        check_counts(hidden_channels=hidden_channels, num_layers=num_layers)
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
        self._xla = xla.allowed()  # for the LSTMs
        self.built = True

    def network(self, x, labels=None, noise=None, compiled=False, extra=None):
        x = self.first(x)
        layout = self.recurrent[0].layout(x)
        features = []
        for layer, own in zip(self.recurrent, extra or self._no_extra(), strict=True):
            x, found = layer(x, labels, own, layout=layout, compiled=compiled)
            features.append(found)
        return self.output_layer(tf.nn.relu(self.head(tf.nn.relu(x)))), features

    def fast_network(self, x, labels=None, noise=None):
        return self.network(x, labels, noise, compiled=self._xla)

    # The same, as steps of a raster scan

    def start(self, batch, labels):
        width = self.image_shape[1]
        return {
            "pixels": self.rows_of_zeros(self.first, batch),
            "layers": [layer.start(batch, width, labels) for layer in self.recurrent],
        }

    def row(self, state, extra=None):
        first = self.first.above(state["pixels"]) + self.first.bias_of(None)
        batch = tf.shape(first)[1]
        layers = [
            layer.row(before, own)
            for layer, before, own in zip(
                self.recurrent, state["layers"], extra or self._no_extra(), strict=True
            )
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

    def finish_row(self, state, features, levels, extra=None):
        layers = [
            layer.finish_row(before, found, own)
            for layer, before, found, own in zip(
                self.recurrent, state["layers"], features, extra or self._no_extra(), strict=True
            )
        ]
        return {"pixels": self.next_rows(state["pixels"], levels), "layers": layers}

    def feature_sizes(self):
        return [layer.feature_sizes() for layer in self.recurrent]

    def _no_extra(self):
        return [None] * self.num_layers


@register
class MultiScalePixelRNN(PixelRNN):
    """Multi-scale PixelRNN (section 3.6): a small image first, then the large one around it.

        s . s .        s: every `scale`-th pixel; a PixelRNN of its own draws these alone
        . . . .        .: drawn by this one, whose every layer adds a 1x1 convolution of the
        s . s .           upsampled small image to its input-to-state maps
        . . . .

    The small image's pixels are known to the large one, so that p(x) = p(s) p(rest | s) is exact:
    a pixel's distribution is that of the model which draws it.

    Args:
        image_shape: (height, width, channels), both sizes multiples of `scale`.
        scale: between the small and the large image.
        variant, hidden_channels, num_layers, likelihood, num_classes: of both; see `PixelRNN`.
    """

    def __init__(
        self,
        image_shape,
        scale=2,
        variant="diagonal",
        hidden_channels=16,
        num_layers=7,
        likelihood=None,
        num_classes=0,
    ):
        super().__init__(image_shape, variant, hidden_channels, num_layers, likelihood, num_classes)
        height, width, channels = self.image_shape
        if scale < 2 or height % scale or width % scale:
            raise UserError(
                f"images of {height}x{width} pixels cannot be split by a scale of {scale}; choose "
                "one of at least 2 that divides both."
            )
        self.scale = scale
        small = (height // scale, width // scale, channels)
        self.small = PixelRNN(
            small, variant, hidden_channels, num_layers, self.likelihood, num_classes
        )
        maps = 2 * hidden_channels
        images = keras.Input(small)
        x = keras.layers.Conv2D(maps, 3, padding="same", activation="relu")(images)
        x = keras.layers.Conv2DTranspose(maps, 2 * scale, scale, padding="same", activation="relu")(
            x
        )
        self.upsampling = keras.Model(images, x)
        self.context_to_state = self.add_weight(
            name="context_to_state",
            shape=[num_layers, maps, self.recurrent[0].extra_channels],
            initializer="glorot_uniform",
        )
        row, column = np.indices([height, width])
        self._is_small = ((row % scale == 0) & (column % scale == 0))[None]
        self._compiled_scan_around = xla.under_xla(self._scan_around)

    def network(self, x, labels=None, noise=None, compiled=False):
        small = self._subsampled(x)
        coarse, _ = self.small.network(small, labels, noise, compiled)
        extra = self._extra(self.upsampling(small))
        fine, features = super().network(x, labels, noise, compiled, extra)
        return tf.where(self._is_small[..., None], self._enlarged(coarse), fine), features

    def adapt(self, images, labels=None):
        super().adapt(images, labels)
        self.small.adapt(self._subsampled(images))

    # Two scans, the small image's and then that of the pixels around it

    def scan(self, uniforms, labels, temperature=1.0, given=None, known=None, **others):
        kept = {} if given is None else {"given": given, "known": known}
        kept = {name: self._subsampled(maps) for name, maps in kept.items()}
        found = self.small.scan(self._subsampled(uniforms), labels, temperature, **kept, **others)
        small, *coarse = found if others.get("with_parameters") else [found]
        given, known = self._with_small(small, given, known)
        found = self._scan_around(small, uniforms, labels, temperature, given, known, **others)
        if not coarse:
            return found
        levels, fine = found
        return levels, tf.where(self._is_small[..., None], self._enlarged(*coarse), fine)

    def _fill(self, uniforms, labels, given, known, temperature, compiled=True):
        drawn_from, *kept = (self._subsampled(maps) for maps in (uniforms, given, known))
        small = self.small._fill(drawn_from, labels, *kept, temperature, compiled)
        given, known = self._with_small(small, given, known)
        features = self._features(given, labels, known, compiled)
        scan = self._compiled_scan_around if compiled else self._scan_around
        return scan(small, uniforms, labels, temperature, given, known, features=features)

    def _scan_around(self, small, uniforms, labels, temperature, given, known, **others):
        kept = {"given": given, "known": known, **others}
        return raster.scan(self, uniforms, (labels, small), temperature=temperature, **kept)

    def start(self, batch, labels):
        labels, small = labels
        context = self.upsampling(levels_to_unit(small, self.likelihood.levels))
        context = tf.transpose(tf.cast(context, tf.float32), [1, 2, 0, 3])
        return {**super().start(batch, labels), "context": context, "i": 0}

    def row(self, state):
        _, columns, left = super().row(state, self._extra(state["context"][state["i"]]))
        return state, columns, left

    def finish_row(self, state, features, levels):
        extra = self._extra(state["context"][state["i"]])
        return {**state, **super().finish_row(state, features, levels, extra), "i": state["i"] + 1}

    def _extra(self, context):
        """Return what each layer's gates get of the context [..., maps]."""
        weights = tf.unstack(tf.cast(self.context_to_state, context.dtype))
        return [product(context, weight) for weight in weights]

    def _subsampled(self, maps):
        return maps[:, :: self.scale, :: self.scale]

    def _enlarged(self, maps):
        """Return maps [b, h / scale, w / scale, n] at every scale-th pixel; others repeat them."""
        return tf.repeat(tf.repeat(maps, self.scale, axis=1), self.scale, axis=2)

    def _with_small(self, small, given, known):
        """Return given levels and the known pixels with those of the small image among them."""
        small = self._enlarged(small)
        if given is None:
            return small, tf.broadcast_to(self._is_small, tf.shape(small)[:3])
        return tf.where(self._is_small[..., None], small, given), known | self._is_small
