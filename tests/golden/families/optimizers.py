"""Twenty steps of every update rule, clipped gradients, averaged weights."""
import torch

from golden import Case, numbers

STEPS = 20
RULES = {
    "sgd": (torch.optim.SGD, [
        dict(lr=0.1), dict(lr=0.05, weight_decay=0.1), dict(lr=0.05, momentum=0.9),
        dict(lr=0.02, momentum=0.8, weight_decay=0.01, nesterov=True),
        dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01)]),
    "adagrad": (torch.optim.Adagrad, [
        dict(lr=0.1), dict(lr=0.05, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-6)]),
    "rmsprop": (torch.optim.RMSprop, [
        dict(lr=0.01), dict(lr=0.01, alpha=0.9, momentum=0.5, weight_decay=0.1),
        dict(lr=0.01, alpha=0.95, centered=True, eps=1e-3), dict(lr=0.005, alpha=0.9, momentum=0.9, centered=True)]),
    "adadelta": (torch.optim.Adadelta, [dict(), dict(lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.05)]),
    "adam": (torch.optim.Adam, [dict(lr=0.01), dict(lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1)]),
    "adamw": (torch.optim.AdamW, [dict(lr=0.01), dict(lr=0.02, betas=(0.7, 0.99), eps=1e-6, weight_decay=0.2)]),
    "adamax": (torch.optim.Adamax, [dict(lr=0.01), dict(lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1)]),
    "nadam": (torch.optim.NAdam, [
        dict(lr=0.01), dict(lr=0.02, betas=(0.8, 0.95), weight_decay=0.1, momentum_decay=0.1),
        dict(lr=0.02, weight_decay=0.1, decoupled_weight_decay=True)]),
}
STATES = {
    "sgd": {"momentum_buffer": "velocity"},
    "adagrad": {"sum": "sum"},
    "rmsprop": {"square_avg": "square_average", "momentum_buffer": "velocity", "grad_avg": "average"},
    "adadelta": {"square_avg": "square_average", "acc_delta": "step_average"},
    "adam": {"exp_avg": "moment1", "exp_avg_sq": "moment2"},
    "adamw": {"exp_avg": "moment1", "exp_avg_sq": "moment2"},
    "adamax": {"exp_avg": "moment1", "exp_inf": "maximum"},
    "nadam": {"exp_avg": "moment1", "exp_avg_sq": "moment2"},
}


def rules():
    for name, (rule, settings) in RULES.items():
        for index, setting in enumerate(settings):
            weights = [numbers(3, 5, grad=True), numbers(7, grad=True)]
            tensors = {f"weight{i}": w.detach().clone() for i, w in enumerate(weights)}
            gradients = [numbers(STEPS, *w.shape) for w in weights]
            # The rate halves for the last steps, as a schedule would have it.
            optimizer = rule(weights, foreach=False, **setting)
            for step in range(STEPS):
                if step == 15:
                    optimizer.param_groups[0]["lr"] *= 0.5
                for weight, gradient in zip(weights, gradients):
                    weight.grad = gradient[step].clone()
                optimizer.step()
                if step == 0:
                    tensors |= {f"first{i}": w.detach().clone() for i, w in enumerate(weights)}
            tensors |= {f"grad{i}": g for i, g in enumerate(gradients)}
            tensors |= {f"result{i}": w for i, w in enumerate(weights)}
            for i, weight in enumerate(weights):
                for theirs, ours in STATES[name].items():
                    value = optimizer.state[weight].get(theirs)
                    if value is not None:
                        tensors[f"{ours}{i}"] = value
            attributes = {"kind": "rule", "rule": name, "steps": STEPS, **setting}
            yield Case(f"{name} {index}", attributes, tensors)


def clipping():
    for index, limit in enumerate([0.5, 3.0, 100.0]):
        gradients = [numbers(4, 3) * 2, numbers(5) * 2]
        for kind, clip in [("clip_norm", torch.nn.utils.clip_grad_norm_), ("clip_value", torch.nn.utils.clip_grad_value_)]:
            parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient.clone()
            norm = clip(parameters, limit)
            tensors = {f"grad{i}": g for i, g in enumerate(gradients)}
            tensors |= {f"clipped{i}": p.grad for i, p in enumerate(parameters)}
            if norm is not None:
                tensors["norm"] = norm.reshape(())
            yield Case(f"{kind} {index}", {"kind": kind, "limit": limit}, tensors)


def averages():
    for decay in [0.9, 0.99]:
        model = torch.nn.Linear(3, 2)
        average = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay))
        weights = numbers(10, 2, 3)
        averaged = []
        for weight in weights:
            with torch.no_grad():
                model.weight.copy_(weight)
            average.update_parameters(model)
            averaged.append(average.module.weight.detach().clone())
        yield Case(f"average {decay}", {"kind": "average", "decay": decay},
                   {"weights": weights, "averages": torch.stack(averaged)})


def cases():
    yield from rules()
    yield from clipping()
    yield from averages()
