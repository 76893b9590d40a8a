"""Convolutions and transposed convolutions as layers: values and gradients, computed in float64."""
from torch.nn import functional as F

from golden import Case, gradients, numbers

CONVOLUTION = [F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [F.conv_transpose1d, F.conv_transpose2d]


def same(extent, stride, window):
    """TensorFlow's rule; for stride 1 it is that of PyTorch."""
    total = max((-(-extent // stride) - 1) * stride + window - extent, 0)
    return total // 2, total - total // 2


def make(name, x, weight, layer, padding=0, **arguments):
    rank = len(x) - 2
    x, weight = numbers(*x).double().requires_grad_(), numbers(*weight).double().requires_grad_()
    transposed = layer.startswith("ConvTranspose")
    outputs = weight.shape[1] * arguments.get("groups", 1) if transposed else weight.shape[0]
    bias = numbers(outputs).double().requires_grad_()
    if transposed:
        y = TRANSPOSED[rank - 1](x, weight, bias, padding=padding, **arguments)
    elif padding == "same" and arguments.get("stride", 1) == 1:
        y = CONVOLUTION[rank - 1](x, weight, bias, padding="same", **arguments)
    elif padding == "same" or isinstance(padding, dict):
        if padding == "same":
            ends = [same(n, arguments["stride"], k) for n, k in zip(x.shape[2:], weight.shape[2:])]
        else:
            ends = list(zip(padding["begin"], padding["end"]))
        flat = [number for pair in reversed(ends) for number in pair]
        y = CONVOLUTION[rank - 1](F.pad(x, flat), weight, bias, **arguments)
    else:
        y = CONVOLUTION[rank - 1](x, weight, bias, padding=padding, **arguments)
    found = gradients(y, x=x, weight=weight, bias=bias)
    tensors = {"x": x, "weight": weight, "bias": bias, "y": y, **found}
    return Case(name, {"layer": layer, "padding": padding, **arguments}, {key: value.float() for key, value in tensors.items()})


def cases():
    yield make("conv1d", (2, 3, 11), (4, 3, 3), "Conv1d")
    yield make("conv1d stride dilation", (2, 4, 16), (6, 4, 3), "Conv1d", padding=2, stride=3, dilation=2)
    yield make("conv1d groups", (1, 6, 9), (4, 3, 4), "Conv1d", padding=1, groups=2)
    yield make("conv1d asymmetric", (2, 2, 7), (3, 2, 3), "Conv1d", padding={"begin": [2], "end": [0]})
    yield make("conv1d same", (2, 3, 10), (3, 3, 4), "Conv1d", padding="same")
    yield make("conv2d", (2, 3, 7, 8), (5, 3, 3, 2), "Conv2d")
    yield make("conv2d 17 to 33 channels", (1, 17, 5, 5), (33, 17, 3, 3), "Conv2d", padding=1)
    yield make("conv2d stride dilation", (2, 3, 11, 12), (4, 3, 3, 3), "Conv2d", padding=[2, 1], stride=[2, 3], dilation=[2, 1])
    yield make("conv2d stride above the kernel", (1, 2, 7, 9), (3, 2, 1, 2), "Conv2d", stride=3)
    yield make("conv2d groups", (2, 6, 6, 5), (9, 2, 3, 3), "Conv2d", padding=1, groups=3)
    yield make("conv2d asymmetric", (1, 3, 6, 7), (4, 3, 3, 4), "Conv2d", padding={"begin": [0, 1], "end": [2, 3]}, stride=2)
    yield make("conv2d same", (2, 2, 6, 5), (3, 2, 4, 3), "Conv2d", padding="same", dilation=[1, 2])
    yield make("conv2d same stride 2", (1, 3, 8, 7), (4, 3, 3, 2), "Conv2d", padding="same", stride=2)
    yield make("conv3d", (1, 2, 5, 6, 5), (3, 2, 3, 2, 3), "Conv3d", padding=1, stride=[1, 2, 2])
    yield make("depthwise", (2, 5, 7, 6), (5, 1, 3, 3), "DepthwiseConv2d", padding=1, stride=2, groups=5)
    yield make("depthwise multiplier 2", (1, 3, 5, 5), (6, 1, 3, 3), "DepthwiseConv2d", padding=1, groups=3)
    yield make("transposed 1d", (2, 4, 5), (4, 3, 3), "ConvTranspose1d", stride=2, padding=1, output_padding=1)
    yield make("transposed 1d groups", (1, 6, 4), (6, 2, 4), "ConvTranspose1d", stride=3, groups=3)
    yield make("transposed 2d", (2, 3, 4, 5), (3, 4, 2, 2), "ConvTranspose2d", stride=2)
    yield make("transposed 2d output padding", (1, 4, 4, 3), (4, 2, 3, 3), "ConvTranspose2d", stride=[2, 3], padding=1, output_padding=[1, 2])
    yield make("transposed 2d groups dilation", (1, 4, 4, 5), (4, 3, 3, 2), "ConvTranspose2d", stride=2, groups=2, dilation=2)
