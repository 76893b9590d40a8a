"""Padding, pixel and channel shuffles, repetitions and broadcast products."""
import torch
from torch.nn import functional as F

from golden import Case, gradients, numbers


def case(name, attributes, function, *shape):
    x = numbers(*shape, grad=True)
    y = function(x)
    return Case(name, attributes, {"x": x, "y": y, **gradients(y, x=x)})


def cases():
    for mode in ("constant", "reflect", "replicate"):
        yield case(f"{mode} 1d", {"layer": mode, "sides": [2, 3]}, lambda x: F.pad(x, (2, 3), mode), 2, 3, 5)
        yield case(f"{mode} 2d", {"layer": mode, "sides": [1, 2, 3, 0]}, lambda x: F.pad(x, (1, 2, 3, 0), mode), 2, 3, 5, 4)
    yield case("pixel shuffle", {"layer": "PixelShuffle", "factor": 3}, lambda x: F.pixel_shuffle(x, 3), 2, 18, 3, 2)
    yield case("pixel unshuffle", {"layer": "PixelUnshuffle", "factor": 2}, lambda x: F.pixel_unshuffle(x, 2), 2, 3, 4, 6)
    yield case("channel shuffle", {"layer": "ChannelShuffle", "factor": 3}, lambda x: F.channel_shuffle(x, 3), 2, 12, 3, 2)
    yield case("tile", {"layer": "tile", "factor": 3}, lambda x: x.repeat(1, 3, 1), 2, 3, 4)
    yield case("repeat", {"layer": "repeat", "factor": 3}, lambda x: x.repeat_interleave(3, 1), 2, 3, 4)
    for name, left, right in (("batches", (2, 1, 3, 4), (5, 4, 2)), ("vector left", (4,), (3, 4, 2)), ("vector right", (2, 3, 4), (4,)),
                              ("vectors", (4,), (4,)), ("heads", (2, 3, 5, 4), (3, 4, 2))):
        a, b = numbers(*left, grad=True), numbers(*right, grad=True)
        y = torch.matmul(a, b)
        yield Case(f"matmul {name}", {"layer": "matmul"}, {"a": a, "b": b, "y": y, **gradients(y, a=a, b=b)})
