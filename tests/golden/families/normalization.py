"""Normalisation layers and softmax: forward, all gradients, running statistics."""
from torch import nn

from golden import Case, gradients, numbers


def case(name, layer, shape, attributes, training=True, steps=1, low=-2.0, high=3.0):
    """A layer with drawn parameters; every step has its own input, output and gradients."""
    layer.train(training)
    tensors = {}
    for key, parameter in layer.named_parameters():
        parameter.data = numbers(*parameter.shape, low=0.5 if key == "weight" else -1.0, high=2.0)
        tensors[key] = parameter.detach().clone()
    for key in ("running_mean", "running_var"):
        buffer = dict(layer.named_buffers()).get(key)
        if buffer is not None:
            buffer.copy_(numbers(*buffer.shape, low=0.5, high=1.5))
            tensors[key] = buffer.clone()
    for step in range(1, steps + 1):
        x = numbers(*shape, low=low, high=high, grad=True)
        y = layer(x)
        found = {f"input{step}": x, f"output{step}": y}
        results = gradients(y, input=x, **dict(layer.named_parameters()))
        found.update({f"{key}{step}": value for key, value in results.items()})
        for key in ("running_mean", "running_var"):
            if key in tensors:
                found[f"{key}{step}"] = getattr(layer, key).clone()
        tensors.update(found)
    return Case(name, {**attributes, "training": training, "steps": steps}, tensors)


def cases():
    for affine, bias in ((True, True), (True, False), (False, False)):
        yield case(f"layer norm, {affine} {bias}", nn.LayerNorm(37, elementwise_affine=affine, bias=bias), (3, 5, 37),
                   {"layer": "LayerNorm", "shape": [37], "affine": affine, "bias": bias})
    yield case("layer norm over two axes", nn.LayerNorm([4, 9], eps=1e-3), (2, 3, 4, 9),
               {"layer": "LayerNorm", "shape": [4, 9], "affine": True, "bias": True, "epsilon": 1e-3})
    for groups, channels, shape, affine in ((1, 6, (3, 6, 5), True), (3, 6, (2, 6, 4, 5), True), (2, 34, (2, 34, 3, 3), False),
                                            (4, 16, (2, 16, 7), True), (5, 20, (4, 20), True)):
        yield case(f"group norm {groups} of {list(shape)}", nn.GroupNorm(groups, channels, affine=affine), shape,
                   {"layer": "GroupNorm", "groups": groups, "channels": channels, "affine": affine})
    for affine in (False, True):
        yield case(f"instance norm 1d, {affine}", nn.InstanceNorm1d(5, affine=affine), (2, 5, 9),
                   {"layer": "InstanceNorm1d", "channels": 5, "affine": affine})
        yield case(f"instance norm 2d, {affine}", nn.InstanceNorm2d(3, affine=affine), (2, 3, 4, 5),
                   {"layer": "InstanceNorm2d", "channels": 3, "affine": affine})
    for kind, shape in ((nn.BatchNorm1d, (6, 4)), (nn.BatchNorm1d, (3, 4, 7)), (nn.BatchNorm2d, (2, 17, 3, 4))):
        for affine in (True, False):
            attributes = {"layer": "BatchNorm", "channels": shape[1], "affine": affine, "track": True, "momentum": 0.3}
            layer = kind(shape[1], momentum=0.3, affine=affine)
            yield case(f"batch norm {list(shape)}, {affine}, two steps", layer, shape, attributes, steps=2)
            # Evaluation is also what frozen statistics do in training.
            yield case(f"batch norm {list(shape)}, {affine}, evaluation", layer, shape, attributes, training=False)
    for training in (True, False):
        yield case(f"batch norm without statistics, training {training}", nn.BatchNorm2d(5, track_running_stats=False), (2, 5, 3, 4),
                   {"layer": "BatchNorm", "channels": 5, "affine": True, "track": False, "momentum": 0.1}, training=training)
    for size, alpha, beta, k, shape in ((5, 1e-4, 0.75, 1.0, (2, 9, 3, 4)), (5, 0.5, 0.75, 2.0, (2, 17, 3, 3)), (4, 0.7, 0.6, 1.5, (2, 6, 5)),
                                        (1, 0.3, 1.0, 1.0, (2, 3, 4)), (7, 0.9, 0.5, 0.8, (1, 4, 2, 3)), (3, 0.8, 0.75, 2.0, (2, 40, 2, 2))):
        yield case(f"local response norm {size} of {list(shape)}", nn.LocalResponseNorm(size, alpha, beta, k), shape,
                   {"layer": "LocalResponseNorm", "size": size, "alpha": alpha, "beta": beta, "k": k})
    for log in (False, True):
        kind = nn.LogSoftmax if log else nn.Softmax
        for axis, shape in ((1, (4, 10)), (1, (2, 7, 3, 3)), (2, (2, 3, 33)), (0, (5, 4))):
            yield case(f"{'log ' if log else ''}softmax {axis} of {list(shape)}", kind(dim=axis), shape,
                       {"layer": "Softmax", "log": log, "axis": axis}, low=-5.0, high=5.0)
