"""Parts of the classical nets, written in torch.nn: values and gradients in training, computed in float64."""
import torch
from torch import nn
from torch.nn import functional as F

from golden import Case, gradients, numbers


class Bottleneck(nn.Module):
    """He, Zhang, Ren, Sun 2016; the 3 x 3 window has the stride."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        outputs = 4 * channels
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class PaddedBlock(nn.Module):
    """The block of two 3 x 3 windows with a shortcut of kind A."""

    def __init__(self, inputs, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        missing = y.shape[1] - x.shape[1]
        return F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, missing // 2, missing - missing // 2)))


class Unit(nn.Module):
    def __init__(self, inputs, outputs, window):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, window, padding=window // 2)

    def forward(self, x):
        return F.relu(self.conv(x))


class Inception(nn.Module):
    """Szegedy et al. 2015, module 3a, an eighth as wide."""

    def __init__(self):
        super().__init__()
        self.branch1 = Unit(24, 8, 1)
        self.branch2 = nn.Sequential(Unit(24, 12, 1), Unit(12, 16, 3))
        self.branch3 = nn.Sequential(Unit(24, 2, 1), Unit(2, 4, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Unit(24, 4, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class NormalisedUnit(nn.Module):
    def __init__(self, inputs, outputs, window, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, window, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class ForkedInception(nn.Module):
    """Szegedy et al. 2016, module 7b, a thirty-second as wide."""

    def __init__(self):
        super().__init__()
        self.branch1x1 = NormalisedUnit(40, 10, 1)
        self.branch3x3_1 = NormalisedUnit(40, 12, 1)
        self.branch3x3_2a = NormalisedUnit(12, 12, (1, 3), (0, 1))
        self.branch3x3_2b = NormalisedUnit(12, 12, (3, 1), (1, 0))
        self.branch3x3dbl_1 = NormalisedUnit(40, 14, 1)
        self.branch3x3dbl_2 = NormalisedUnit(14, 12, 3, 1)
        self.branch3x3dbl_3a = NormalisedUnit(12, 12, (1, 3), (0, 1))
        self.branch3x3dbl_3b = NormalisedUnit(12, 12, (3, 1), (1, 0))
        self.branch_pool = NormalisedUnit(40, 6, 1)

    def forward(self, x):
        second, third = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat([
            self.branch1x1(x), self.branch3x3_2a(second), self.branch3x3_2b(second), self.branch3x3dbl_3a(third),
            self.branch3x3dbl_3b(third), self.branch_pool(F.avg_pool2d(x, 3, 1, 1))], 1)


def stem():
    """The first two layers of Krizhevsky, Sutskever, Hinton 2012 in two groups, a sixteenth as wide."""
    norm = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}  # PyTorch weighs the mean, the paper the sum
    return nn.Sequential(
        nn.Conv2d(3, 6, 11, 4), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2),
        nn.Conv2d(6, 16, 5, padding=2, groups=2), nn.ReLU(), nn.LocalResponseNorm(**norm), nn.MaxPool2d(3, 2))


def case(name, part, shape):
    part = part.double().train()
    for key, parameter in part.named_parameters():
        low = 0.5 if key.endswith("weight") and parameter.dim() == 1 else -1.0
        scale = 1.0 if parameter.dim() == 1 else (3.0 / parameter[0].numel()) ** 0.5
        parameter.data = scale * numbers(*parameter.shape, low=low, high=1.5 if low > 0 else 1.0).double()
    x = numbers(*shape, low=-1.0, high=2.0).double().requires_grad_()
    y = part(x)
    parameters = dict(part.named_parameters())
    found = gradients(y, input=x, **parameters)
    tensors = {"input": x, "output": y, **parameters, **found}
    return Case(name, {"part": name}, {key: value.float() for key, value in tensors.items()})


def cases():
    yield case("bottleneck", Bottleneck(8, 4, 2), (3, 8, 7, 6))
    yield case("padded block", PaddedBlock(4, 8), (3, 4, 6, 8))
    yield case("inception 3a", Inception(), (2, 24, 6, 5))
    yield case("inception v3 7b", ForkedInception(), (2, 40, 5, 4))
    yield case("alexnet stem", stem(), (1, 3, 67, 67))
