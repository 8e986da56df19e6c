"""The running mean of losses that Keras shows."""


class RunningMean:
    """The mean since the epoch began; plain tensors, so nothing to distribute.

    Attributes:
        updates: their number.
        latest: name -> [n], the values of the n steps that were made last.
    """

    def __init__(self, sums=(), weight=0.0):
        self.sums = dict(sums)
        self.weight = weight
        self.updates = 0
        self.latest = {}

    def update(self, sums, weight):
        """Add weighted sums of values and their weight; return the means."""
        self.updates += 1
        self.weight += weight
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return self.means()

    def means(self):
        return {name: value / self.weight for name, value in self.sums.items()}

    def state(self):
        """Return plain numbers from which `RunningMean(**state)` goes on."""
        return {
            "sums": {name: float(value) for name, value in self.sums.items()},
            "weight": self.weight,
        }
