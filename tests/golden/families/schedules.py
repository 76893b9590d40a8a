"""The factor of every learning-rate schedule, step by step, over a run of 6 epochs of 5 steps."""
import torch
from torch.optim import lr_scheduler as schedulers

from golden import Case

EPOCHS, STEPS = 6, 5
TOTAL = EPOCHS * STEPS


def factors(make, per_epoch=False, steps=TOTAL):
    """The rates that training sees; the scheduler moves on after every step or every epoch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not per_epoch or (step + 1) % STEPS == 0:
            scheduler.step()
    return torch.tensor(rates, dtype=torch.float32)


def plain():
    by_epoch = {
        "step": (dict(epochs=2, factor=0.3), lambda o: schedulers.StepLR(o, 2, 0.3)),
        "multi-step": (dict(epochs=[1, 4], factor=0.2), lambda o: schedulers.MultiStepLR(o, [1, 4], 0.2)),
        "exponential": (dict(factor=0.8), lambda o: schedulers.ExponentialLR(o, 0.8)),
        "inverse-time": (dict(decay=0.5), lambda o: schedulers.LambdaLR(o, lambda epoch: 1 / (1 + 0.5 * epoch))),
    }
    by_step = {
        "polynomial": (dict(power=2.0), lambda o: schedulers.PolynomialLR(o, TOTAL, 2.0)),
        "cosine": (dict(minimum=0.1), lambda o: schedulers.CosineAnnealingLR(o, TOTAL, 0.1)),
        "warm-up": (dict(steps=8), lambda o: schedulers.LinearLR(o, 1 / 8, 1.0, 7)),
    }
    for name, (attributes, make) in by_epoch.items():
        yield Case(name, attributes, {"factors": factors(make, per_epoch=True)})
    for name, (attributes, make) in by_step.items():
        yield Case(name, attributes, {"factors": factors(make)})


def restarts():
    """Told the position inside the epoch, as its documentation shows."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
    scheduler = schedulers.CosineAnnealingWarmRestarts(optimizer, 1, 2, 0.05)
    rates = []
    for step in range(TOTAL):
        scheduler.step(step / STEPS)
        rates.append(optimizer.param_groups[0]["lr"])
    yield Case("cosine-restarts", dict(epochs=1, multiplier=2, minimum=0.05), {"factors": torch.tensor(rates)})


def one_cycle():
    """Its peak is at step rise * steps - 1 and its end at steps - 1."""
    make = lambda o: schedulers.OneCycleLR(
        o, max_lr=1.0, total_steps=TOTAL + 1, pct_start=0.4, div_factor=20.0, final_div_factor=100.0, cycle_momentum=False)
    yield Case("one-cycle", dict(rise=0.4, start=20.0, end=100.0), {"factors": factors(make, steps=TOTAL + 1)})


def plateau():
    metrics = [1.0, 0.9, 0.9, 0.91, 0.95, 0.5, 0.5, 0.499, 0.51, 0.5, 0.5, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    for index, setting in enumerate([
            dict(factor=0.5, patience=1),
            dict(factor=0.1, patience=0, cooldown=2, threshold=0.01),
            dict(factor=0.2, patience=1, min_lr=0.01),
            dict(factor=0.5, patience=1, threshold=0.2, threshold_mode="abs")]):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
        scheduler = schedulers.ReduceLROnPlateau(optimizer, **setting)
        rates = []
        for metric in metrics:
            optimizer.step()
            scheduler.step(metric)
            rates.append(optimizer.param_groups[0]["lr"])
        yield Case(f"plateau {index}", setting, {"metrics": torch.tensor(metrics), "factors": torch.tensor(rates)})


def cases():
    yield from plain()
    yield from restarts()
    yield from one_cycle()
    yield from plateau()
