"""Every loss with every option, and its gradients; computed in float64."""
import torch
from torch.nn import functional as F

from golden import Case

REDUCTIONS = {"Mean": "mean", "Sum": "sum", "None": "none"}


def case(name, loss, inputs, **constants):
    """The gradients by `inputs` of the sum of the losses, weighed if there are several."""
    result = loss(*inputs.values())
    tensors = {"loss": result, **inputs, **constants}
    weight = torch.ones_like(result)
    if result.dim() > 0:
        weight = torch.linspace(0.5, 1.5, result.numel(), dtype=result.dtype).reshape(result.shape)
        tensors["loss_weight"] = weight
    for key, gradient in zip(inputs, torch.autograd.grad((result * weight).sum(), list(inputs.values()))):
        tensors["grad_" + key] = gradient
    return Case(name, {}, {key: value.float() if value.is_floating_point() else value.int() for key, value in tensors.items()})


def leaf(*shape, scale=1.5):
    # Numbers that float32 has.
    return (torch.randn(*shape) * scale).double().requires_grad_()


def constant(value):
    return value.float().double()


def elementwise():
    target = constant(torch.randn(4, 5) * 1.5)
    signs = constant(torch.randn(4, 5).sign())
    bits = constant((torch.rand(4, 5) > 0.4).float())
    soft = constant(torch.rand(4, 5))
    counts = constant(torch.randint(0, 5, (4, 5)).float())
    positive = constant(torch.rand(5) * 3)
    distribution = constant(F.softmax(torch.randn(4, 5), 1) * (torch.rand(4, 5) > 0.2))
    logs = constant(F.log_softmax(torch.randn(4, 5), 1))
    for label, r in REDUCTIONS.items():
        yield case(f"SquaredError{label}", lambda x: F.mse_loss(x, target, reduction=r), {"x": leaf(4, 5)}, target=target)
        yield case(f"AbsoluteError{label}", lambda x: F.l1_loss(x, target, reduction=r), {"x": leaf(4, 5)}, target=target)
        yield case(f"Huber{label}", lambda x: F.huber_loss(x, target, delta=0.7, reduction=r), {"x": leaf(4, 5)}, target=target)
        yield case(f"SmoothL1{label}", lambda x: F.smooth_l1_loss(x, target, beta=0.7, reduction=r), {"x": leaf(4, 5)}, target=target)
        yield case(f"BinaryCrossEntropy{label}", lambda x: F.binary_cross_entropy_with_logits(x, soft, reduction=r), {"x": leaf(4, 5, scale=5)}, target=soft)
        yield case(f"BinaryCrossEntropyWeights{label}", lambda x: F.binary_cross_entropy_with_logits(x, bits, pos_weight=positive, reduction=r),
                   {"x": leaf(4, 5, scale=5)}, target=bits, positive=positive)
        yield case(f"Poisson{label}", lambda x: F.poisson_nll_loss(x, counts, reduction=r), {"x": leaf(4, 5)}, target=counts)
        yield case(f"PoissonFull{label}", lambda x: F.poisson_nll_loss(x, counts, full=True, reduction=r), {"x": leaf(4, 5)}, target=counts)
        rates = (torch.rand(4, 5) * 3 + 0.1).double().requires_grad_()
        yield case(f"PoissonRates{label}", lambda x: F.poisson_nll_loss(x, counts, log_input=False, reduction=r), {"x": rates}, target=counts)
    for label, r in {**REDUCTIONS, "BatchMean": "batchmean"}.items():
        yield case(f"KullbackLeibler{label}", lambda x: F.kl_div(x, distribution, reduction=r), {"x": leaf(4, 5)}, target=distribution)
        yield case(f"KullbackLeiblerLog{label}", lambda x: F.kl_div(x, logs, reduction=r, log_target=True), {"x": leaf(4, 5)}, target=logs)
    yield case("Hinge", lambda x: (0.8 - signs * x).clamp(min=0).mean(), {"x": leaf(4, 5)}, target=signs)
    yield case("HingeSquared", lambda x: (1 - signs * x).clamp(min=0).square().mean(), {"x": leaf(4, 5)}, target=signs)
    yield case("BinaryCrossEntropyTails", lambda x: F.binary_cross_entropy_with_logits(x, bits, reduction="none"), {"x": leaf(4, 5, scale=60)}, target=bits)
    samples = constant(torch.rand(4))
    yield case("SquaredErrorOfWeighedSamples", lambda x: (samples[:, None] * (x - target).square()).mean(), {"x": leaf(4, 5)}, target=target, weight=samples)
    variance = (torch.rand(4, 5) + 0.2).double().requires_grad_()
    for full in (False, True):
        yield case("GaussianFull" if full else "Gaussian", lambda x, v: F.gaussian_nll_loss(x, target, v, full=full), {"x": leaf(4, 5), "variance": variance}, target=target)


def classes():
    for name, shape in (("", (6, 4)), ("Pixels", (2, 4, 3, 5))):
        positions = shape[:1] + shape[2:]
        labels = torch.randint(0, 4, positions)
        some = torch.where(torch.rand(positions) < 0.3, 255, labels)
        weights = constant(torch.rand(4) + 0.2)
        options = {
            "": ({}, labels), "Smooth": ({"label_smoothing": 0.2}, labels), "Ignore": ({"ignore_index": 255}, some), "Weights": ({"weight": weights}, labels),
            "All": ({"weight": weights, "ignore_index": 255, "label_smoothing": 0.2}, some),
            "SmoothIgnore": ({"ignore_index": 255, "label_smoothing": 0.2}, some), "WeightsIgnore": ({"weight": weights, "ignore_index": 255}, some),
        }
        for what, (arguments, target) in options.items():
            for label, r in REDUCTIONS.items():
                yield case(f"CrossEntropy{name}{what}{label}", lambda x: F.cross_entropy(x, target, reduction=r, **arguments), {"x": leaf(*shape)}, target=target, weights=weights)
                if "label_smoothing" not in arguments:
                    yield case(f"NegativeLogLikelihood{name}{what}{label}", lambda x: F.nll_loss(x, target, reduction=r, **arguments), {"x": leaf(*shape)}, target=target, weights=weights)
        soft = constant(F.softmax(torch.randn(*shape), 1))
        for what, arguments in {"": {}, "Weights": {"weight": weights}, "Smooth": {"label_smoothing": 0.2}, "All": {"label_smoothing": 0.2, "weight": weights}}.items():
            yield case(f"SoftTarget{name}{what}", lambda x: F.cross_entropy(x, soft, **arguments), {"x": leaf(*shape)}, target=soft, weights=weights)
        weight_map = constant(torch.rand(positions) * 2)
        yield case(f"CrossEntropy{name}Map", lambda x: (F.cross_entropy(x, labels, reduction="none") * weight_map).mean(), {"x": leaf(*shape)}, target=labels, map=weight_map)
    labels = torch.randint(0, 4, (6,))
    for label, r in REDUCTIONS.items():
        yield case(f"MultiClassHinge{label}", lambda x: F.multi_margin_loss(x, labels, margin=0.8, reduction=r), {"x": leaf(6, 4)}, target=labels)
        yield case(f"MultiClassHingeSquared{label}", lambda x: F.multi_margin_loss(x, labels, p=2, reduction=r), {"x": leaf(6, 4)}, target=labels)


def pairs():
    target = constant(torch.tensor([1.0, -1, -1, 1, -1]))
    for label, r in REDUCTIONS.items():
        yield case(f"CosineEmbedding{label}", lambda a, b: F.cosine_embedding_loss(a, b, target, margin=-0.2, reduction=r), {"a": leaf(5, 7), "b": leaf(5, 7)}, target=target)
        yield case(f"MarginRanking{label}", lambda a, b: F.margin_ranking_loss(a, b, target, margin=0.3, reduction=r), {"a": leaf(5), "b": leaf(5)}, target=target)
        for swap in (False, True):
            yield case(f"TripletMargin{'Swap' if swap else ''}{label}", lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=0.9, swap=swap, reduction=r),
                       {"a": leaf(5, 7), "p": leaf(5, 7), "n": leaf(5, 7)})


def ctc():
    """The gradients are by the logits in front of a log softmax, where PyTorch's are those of the formula."""
    cases = {
        "Ctc": ((12, 4, 6), [12, 9, 12, 5], [[1, 2, 3, 2], [5, 5], [], [4, 1, 4]], 0),
        "CtcRepeats": ((10, 2, 4), [10, 9], [[2, 2, 2, 1, 1], [3, 3, 3]], 0),
        "CtcBlankLast": ((7, 2, 5), [7, 6], [[0, 1, 1], [3, 2]], 4),
        "CtcLong": ((120, 2, 9), [120, 100], [[1 + i * 5 % 8 for i in range(40)], [1 + i * 3 % 8 for i in range(17)]], 0),
        "CtcTight": ((4, 2, 5), [4, 1], [[1, 2, 1, 4], [3]], 0),
    }
    for name, (shape, input_lengths, targets, blank) in cases.items():
        padded = torch.tensor([target + [blank] * (max(map(len, targets)) - len(target)) for target in targets])
        arguments = (torch.tensor(input_lengths), torch.tensor([len(target) for target in targets]))
        for label, r in REDUCTIONS.items():
            yield case(name + label, lambda x: F.ctc_loss(F.log_softmax(x, 2), padded, *arguments, blank=blank, reduction=r), {"x": leaf(*shape)},
                       target=padded, input_lengths=arguments[0], target_lengths=arguments[1])
    padded, lengths = torch.tensor([[1, 1, 1], [1, 2, 0]]), (torch.tensor([4, 4]), torch.tensor([3, 2]))
    yield case("CtcZeroInfinity", lambda x: F.ctc_loss(F.log_softmax(x, 2), padded, *lengths, zero_infinity=True), {"x": leaf(4, 2, 3)},
               target=padded, input_lengths=lengths[0], target_lengths=lengths[1])


def cases():
    for group in (elementwise, classes, pairs, ctc):
        yield from group()
