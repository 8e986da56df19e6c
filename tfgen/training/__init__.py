"""From a recipe to a finished entry: strategy, distributed fit, checkpoints, fine-tuning."""

from tfgen.training.finetune import finetune
from tfgen.training.run import Interrupted, train
from tfgen.training.strategy import choose_strategy

__all__ = ["Interrupted", "choose_strategy", "finetune", "train"]
