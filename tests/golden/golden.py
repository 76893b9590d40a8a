"""What the modules in families/ share."""
from dataclasses import dataclass, field

import torch


@dataclass
class Case:
    name: str                                        # unique in its family; without "/"
    attributes: dict                                 # what the C# test builds the thing from
    tensors: dict = field(default_factory=dict)      # name -> tensor: inputs, results, gradients


def numbers(*shape, low=-1.0, high=1.0, grad=False):
    """Float32 numbers, uniform in [low, high)."""
    return (torch.rand(*shape) * (high - low) + low).requires_grad_(grad)


def gradients(result, **inputs):
    """Gradients of the sum of `result` weighed by fixed numbers: {"grad_<input>": tensor, "loss_weight": tensor}."""
    weight = torch.linspace(0.5, 1.5, result.numel()).reshape(result.shape)
    found = torch.autograd.grad((result * weight).sum(), list(inputs.values()))
    return {"loss_weight": weight, **{f"grad_{name}": value for name, value in zip(inputs, found)}}
