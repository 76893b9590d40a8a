"""Poolings and max unpooling as layers: values and gradients."""
import torch
from torch.nn import functional as F

from golden import Case, gradients, numbers

MAX = [F.max_pool1d, F.max_pool2d]
AVERAGE = [F.avg_pool1d, F.avg_pool2d]


def pool(name, x, kind, **arguments):
    rank = len(x) - 2
    x = numbers(*x).double().requires_grad_()
    y = (MAX if kind == "max" else AVERAGE)[rank - 1](x, **arguments)
    tensors = {"x": x, "y": y, **gradients(y, x=x)}
    return Case(f"{kind}{rank}d {name}", {"layer": f"{'Max' if kind == 'max' else 'Avg'}Pool{rank}d", **arguments},
                {key: value.float() for key, value in tensors.items()})


def unpool(name, x, kernel, padding=0):
    """Encoder and decoder in one: pooled, scaled element by element, and put back."""
    x = numbers(*x).double().requires_grad_()
    y, indices = F.max_pool2d(x, kernel, padding=padding, return_indices=True)
    scale = numbers(*y.shape).double().requires_grad_()
    torch.use_deterministic_algorithms(False)  # windows do not overlap: one writer an element
    z = F.max_unpool2d(y * scale, indices, kernel, padding=padding, output_size=x.shape[2:])
    torch.use_deterministic_algorithms(True)
    tensors = {"x": x, "scale": scale, "y": z, **gradients(z, x=x, scale=scale)}
    return Case(f"unpool2d {name}", {"layer": "MaxUnpool2d", "kernel_size": kernel, "padding": padding},
                {key: value.float() for key, value in tensors.items()})


def whole(name, x, layer, function):
    x = numbers(*x).double().requires_grad_()
    y = function(x)
    tensors = {"x": x, "y": y, **gradients(y, x=x)}
    return Case(name, {"layer": layer}, {key: value.float() for key, value in tensors.items()})


def cases():
    for kind in ("max", "average"):
        yield pool("plain", (2, 3, 9), kind, kernel_size=2)
        yield pool("padded", (1, 4, 10), kind, kernel_size=3, stride=2, padding=1)
        yield pool("rounded up", (1, 2, 9), kind, kernel_size=3, stride=4, ceil_mode=True)
        yield pool("plain", (2, 3, 6, 7), kind, kernel_size=2)
        yield pool("17 channels", (1, 17, 5, 6), kind, kernel_size=3, stride=1, padding=1)
        yield pool("16 channels", (1, 16, 7, 7), kind, kernel_size=3, stride=2, padding=1)
        yield pool("overlapping", (1, 2, 13, 13), kind, kernel_size=3, stride=2)
        yield pool("uneven", (2, 2, 7, 9), kind, kernel_size=[2, 4], stride=[3, 2], padding=[1, 2])
        yield pool("rounded up", (1, 3, 8, 6), kind, kernel_size=3, stride=2, ceil_mode=True)
        # The third window would begin in the padding behind the input, and is dropped.
        yield pool("rounded up, last dropped", (1, 2, 5, 4), kind, kernel_size=2, stride=[3, 3], padding=1, ceil_mode=True)
        yield pool("rounded up, padded", (1, 2, 7, 8), kind, kernel_size=3, stride=2, padding=1, ceil_mode=True)
    for ceil_mode in (False, True):
        end = ", rounded up" if ceil_mode else ""
        yield pool(f"padding not counted{end}", (1, 2, 10), "average", kernel_size=3, stride=2, padding=1, count_include_pad=False, ceil_mode=ceil_mode)
        yield pool(f"padding not counted{end}", (1, 3, 8, 7), "average", kernel_size=3, stride=2, padding=1, count_include_pad=False, ceil_mode=ceil_mode)
    yield whole("global average 1d", (2, 3, 7), "GlobalAvgPool", lambda x: F.adaptive_avg_pool1d(x, 1))
    yield whole("global average 2d", (2, 5, 4, 7), "GlobalAvgPool", lambda x: F.adaptive_avg_pool2d(x, 1))
    yield whole("global maximum 2d", (2, 5, 4, 7), "GlobalMaxPool", lambda x: F.adaptive_max_pool2d(x, 1))
    yield whole("global maximum 2d, more than 256", (1, 2, 17, 16), "GlobalMaxPool", lambda x: F.adaptive_max_pool2d(x, 1))
    yield unpool("plain", (2, 3, 6, 8), 2)
    yield unpool("with a rest", (1, 2, 7, 5), 2)
    yield unpool("padded", (1, 2, 8, 8), 3, padding=1)
