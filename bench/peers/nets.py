"""The PyTorch twins of the models that we benchmark, in plain torch.nn.

To add a model: build it here and add one entry to NETS under the name of our own model.
"""
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
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


def conv_bn(inputs, outputs, kernel, stride=1, padding=0, relu=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
              nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def conv_relu(inputs, outputs, kernel, stride=1, padding=0, groups=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups),
                         nn.ReLU(inplace=True))


class Sum(nn.Module):
    """Branches whose outputs are added."""

    def __init__(self, body, shortcut, relu):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, relu

    def forward(self, x):
        y = self.body(x) + self.shortcut(x)
        return F.relu(y) if self.relu else y


class Join(nn.Module):
    """Branches whose outputs are joined along the channels."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class PaddedIdentity(nn.Module):
    """Every second pixel, and zeros for the channels that are new: shortcut A of He et al."""

    def __init__(self, new, stride):
        super().__init__()
        self.new, self.stride = new, stride

    def forward(self, x):
        x = x[:, :, ::self.stride, ::self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new)) if self.new else x


def residual(inputs, width, stride, bottleneck, projection=True):
    outputs = 4 * width if bottleneck else width
    if bottleneck:
        body = [conv_bn(inputs, width, 1), conv_bn(width, width, 3, stride, 1),
                conv_bn(width, outputs, 1, relu=False)]
    else:
        body = [conv_bn(inputs, width, 3, stride, 1), conv_bn(width, width, 3, 1, 1, relu=False)]
    shortcut = nn.Identity()
    if stride > 1 or inputs != outputs:
        shortcut = (conv_bn(inputs, outputs, 1, stride, relu=False) if projection
                    else PaddedIdentity(outputs - inputs, stride))
    return Sum(nn.Sequential(*body), shortcut, relu=True), outputs


def resnet(depths, bottleneck):
    layers, channels = [conv_bn(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, 1)], 64
    for stage, depth in enumerate(depths):
        for i in range(depth):
            block, channels = residual(channels, 64 << stage, 2 if stage and not i else 1, bottleneck)
            layers.append(block)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def resnet_cifar(depth):
    layers, channels = [conv_bn(3, 16, 3, 1, 1)], 16
    for stage in range(3):
        for i in range((depth - 2) // 6):
            block, channels = residual(channels, 16 << stage, 2 if stage and not i else 1,
                                       bottleneck=False, projection=False)
            layers.append(block)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def resnet9(width):
    def pair(channels):
        body = [conv_bn(channels, channels, 3, 1, 1), conv_bn(channels, channels, 3, 1, 1)]
        return Sum(nn.Sequential(*body), nn.Identity(), relu=False)

    return nn.Sequential(
        conv_bn(3, width, 3, 1, 1),
        conv_bn(width, 2 * width, 3, 1, 1), nn.MaxPool2d(2), pair(2 * width),
        conv_bn(2 * width, 4 * width, 3, 1, 1), nn.MaxPool2d(2),
        conv_bn(4 * width, 8 * width, 3, 1, 1), nn.MaxPool2d(2), pair(8 * width),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8 * width, 10, bias=False), Times(0.125))


def alexnet():
    def norm():
        return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    return nn.Sequential(
        conv_relu(3, 96, 11, 4), norm(), nn.MaxPool2d(3, 2),
        conv_relu(96, 256, 5, 1, 2), norm(), nn.MaxPool2d(3, 2),
        conv_relu(256, 384, 3, 1, 1), conv_relu(384, 384, 3, 1, 1), conv_relu(384, 256, 3, 1, 1),
        nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(inplace=True),
        nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 1000))


def vgg(depths):
    layers, channels = [], 3
    for stage, depth in enumerate(depths):
        for _ in range(depth):
            layers.append(conv_relu(channels, min(64 << stage, 512), 3, 1, 1))
            channels = min(64 << stage, 512)
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 1000))


class GoogLeNet(nn.Module):
    """In training with both auxiliary heads: a list of (weight, logits)."""

    def __init__(self):
        super().__init__()

        def pool():
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        def module(inputs, one, reduce3, three, reduce5, five, pooled):
            return Join(
                conv_relu(inputs, one, 1),
                nn.Sequential(conv_relu(inputs, reduce3, 1), conv_relu(reduce3, three, 3, 1, 1)),
                nn.Sequential(conv_relu(inputs, reduce5, 1), conv_relu(reduce5, five, 5, 1, 2)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_relu(inputs, pooled, 1)))

        def head(inputs):
            return nn.Sequential(
                nn.AvgPool2d(5, 3), conv_relu(inputs, 128, 1), nn.Flatten(), nn.Linear(2048, 1024),
                nn.ReLU(inplace=True), nn.Dropout(0.7), nn.Linear(1024, 1000))

        self.first = nn.Sequential(
            conv_relu(3, 64, 7, 2, 3), pool(), nn.LocalResponseNorm(5),
            conv_relu(64, 64, 1), conv_relu(64, 192, 3, 1, 1), nn.LocalResponseNorm(5), pool(),
            module(192, 64, 96, 128, 16, 32, 32), module(256, 128, 128, 192, 32, 96, 64), pool(),
            module(480, 192, 96, 208, 16, 48, 64))
        self.second = nn.Sequential(
            module(512, 160, 112, 224, 24, 64, 64), module(512, 128, 128, 256, 24, 64, 64),
            module(512, 112, 144, 288, 32, 64, 64))
        self.third = nn.Sequential(
            module(528, 256, 160, 320, 32, 128, 128), pool(),
            module(832, 256, 160, 320, 32, 128, 128), module(832, 384, 192, 384, 48, 128, 128),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(1024, 1000))
        self.heads = nn.ModuleList([head(512), head(528)])

    def forward(self, x):
        first = self.first(x)
        second = self.second(first)
        output = self.third(second)
        if not self.training:
            return output
        return [(1.0, output), (0.3, self.heads[0](first)), (0.3, self.heads[1](second))]


def loss(output, labels):
    """Cross entropy; of side outputs, too, where a net has such in training."""
    if isinstance(output, torch.Tensor):
        return F.cross_entropy(output, labels)
    return sum(weight * F.cross_entropy(logits, labels) for weight, logits in output)


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


IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)

NETS = {
    "alexnet": Net(alexnet, (3, 227, 227), 1000, batch=32),
    "googlenet": Net(GoogLeNet, IMAGENET, 1000, batch=16),
    "resnet18": Net(lambda: resnet([2, 2, 2, 2], bottleneck=False), IMAGENET, 1000, batch=16),
    "resnet50": Net(lambda: resnet([3, 4, 6, 3], bottleneck=True), IMAGENET, 1000, batch=16),
    "resnet20-cifar": Net(lambda: resnet_cifar(20), CIFAR, 10, batch=128),
    "resnet9-cifar": Net(lambda: resnet9(64), CIFAR, 10, batch=128),
    "vgg-d": Net(lambda: vgg([2, 2, 3, 3, 3]), IMAGENET, 1000, batch=8),
    "mnistnet": Net(mnistnet, (1, 28, 28), 10, batch=100),
    "lenet300": Net(lenet300, (1, 28, 28), 10, batch=100, layout=False),
    "gru512": Net(lambda: LastStep(nn.GRU(512, 512, 2, batch_first=True)), (64, 512), 10, batch=32, layout=False),
    "lstm512": Net(lambda: LastStep(nn.LSTM(512, 512, 2, batch_first=True)), (64, 512), 10, batch=32, layout=False),
}
