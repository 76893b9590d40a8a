"""The PyTorch twins of the models that we benchmark, in plain torch.nn.

To add a model: build it here and add one entry to NETS under the name of our own model.
"""
from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn


def mnistnet():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.MaxPool2d(3), nn.ReLU(),
        nn.Conv2d(32, 64, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(256, 200), nn.ReLU(), nn.Linear(200, 10))


def lenet300():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(),
        nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


class LastStep(nn.Module):
    """Ten classes told apart by the last output of a recurrent net, whose samples come first."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.recurrent(x)[0][:, -1])


@dataclass
class Net:
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]      # of one input, such as (C, H, W)
    classes: int
    batch: int                  # the usual one
    layout: bool = True         # channels-last means something to it

    def random_batch(self, size):
        """Inputs (size, *shape) and class indices (size)."""
        return torch.randn(size, *self.shape), torch.randint(self.classes, (size,))


NETS = {
    "mnistnet": Net(mnistnet, (1, 28, 28), 10, batch=100),
    "lenet300": Net(lenet300, (1, 28, 28), 10, batch=100, layout=False),
    "gru512": Net(lambda: LastStep(nn.GRU(512, 512, 2, batch_first=True)), (64, 512), 10, batch=32, layout=False),
    "lstm512": Net(lambda: LastStep(nn.LSTM(512, 512, 2, batch_first=True)), (64, 512), 10, batch=32, layout=False),
}
