"""Every activation in float64: values, gradients, and the gradients of the gradients but at 0."""
import torch
from torch.nn import functional as F

from golden import Case

FUNCTIONS = {
    "Relu6": (F.relu6, {}),
    "LeakyRelu": (F.leaky_relu, {"negative_slope": 0.2}),
    "Elu": (F.elu, {"alpha": 1.5}),
    "Selu": (F.selu, {}),
    "Celu": (F.celu, {"alpha": 2.0}),
    "HardTanh": (F.hardtanh, {"min_val": -0.5, "max_val": 1.5}),
    "HardSigmoid": (F.hardsigmoid, {}),
    "HardSwish": (F.hardswish, {}),
    "Softplus": (F.softplus, {}),
    "SoftplusBeta": (F.softplus, {"beta": 2.5}),
    "LogSigmoid": (F.logsigmoid, {}),
    "Softsign": (F.softsign, {}),
    "Gelu": (F.gelu, {}),
    "GeluTanh": (F.gelu, {"approximate": "tanh"}),
    "Silu": (F.silu, {}),
    "Mish": (F.mish, {}),
    "Relu": (F.relu, {}),
    "Sigmoid": (torch.sigmoid, {}),
    "Tanh": (torch.tanh, {}),
    "Heaviside": (lambda x: torch.heaviside(x.detach(), torch.zeros((), dtype=x.dtype)) + 0 * x, {}),
    "Softmax": (F.softmax, {"dim": 1}),
    "LogSoftmax": (F.log_softmax, {"dim": 1}),
    "Glu": (F.glu, {"dim": 1}),
}


def cases():
    # Kinks, both signs, small numbers, and tails.
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, -6.0, 1e-4, -1e-4, 30.0, -30.0])
    for name, (function, arguments) in FUNCTIONS.items():
        x = torch.cat([special, torch.randn(36) * 3]).reshape(6, 8).double().requires_grad_()
        weight = torch.linspace(0.5, 1.5, x.numel()).double().reshape(x.shape)
        y = function(x, **arguments)
        loss_weight = torch.linspace(0.5, 1.5, y.numel()).double().reshape(y.shape)
        grad, = torch.autograd.grad((y * loss_weight).sum(), x, create_graph=True)
        tensors = {"x": x, "y": y, "loss_weight": loss_weight, "grad_weight": weight, "grad_x": grad}
        if grad.requires_grad:
            try:
                tensors["grad2_x"], = torch.autograd.grad((grad * weight * (x != 0)).sum(), x)
            except RuntimeError:  # some have none there
                pass
        yield Case(name, {}, {key: value.float() for key, value in tensors.items()})
    x, slope = (torch.randn(3, 4, 5) * 2).requires_grad_(), torch.tensor([0.1, 0.3, -0.2, 0.6], requires_grad=True)
    y = F.prelu(x, slope)
    weight = torch.linspace(0.5, 1.5, x.numel()).reshape(x.shape)
    grad, grad_slope = torch.autograd.grad((y * weight).sum(), (x, slope))
    yield Case("PRelu", {}, {"x": x, "slope": slope, "y": y, "loss_weight": weight, "grad_x": grad, "grad_slope": grad_slope})
