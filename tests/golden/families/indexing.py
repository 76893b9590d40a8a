"""Gathering, embeddings, sorting, running sums, resizing, adaptive pooling, reductions."""
import torch
import torch.nn.functional as F

from golden import Case, gradients, numbers


def cases():
    yield from embeddings()
    yield from elements()
    yield from sizes()
    yield from reductions()


def embeddings():
    table = numbers(7, 5, grad=True)
    for name, indices in (("batch", torch.tensor([[1, 2, 2, 6], [0, 6, 2, 3]])), ("list", torch.tensor([4, 4, 4, 0, 1]))):
        for padding in (None, 2):
            y = F.embedding(indices, table, padding_idx=padding)
            yield Case(f"embedding {name} padding {padding}", {"operation": "embedding", "padding": -1 if padding is None else padding},
                       {"weight": table, "indices": indices.int(), "y": y, **gradients(y, weight=table)})
    bags = torch.tensor([[1, 2, 6], [2, 2, 2], [0, 2, 5]])
    for mode in ("sum", "mean"):
        for padding in (None, 2):
            y = F.embedding_bag(bags, table, mode=mode, padding_idx=padding)
            yield Case(f"embedding_bag {mode} padding {padding}",
                       {"operation": "embedding_bag", "mode": mode, "padding": -1 if padding is None else padding},
                       {"weight": table, "indices": bags.int(), "y": y, **gradients(y, weight=table)})
    labels = torch.tensor([[3, 0], [1, 3]])
    yield Case("one_hot", {"operation": "one_hot", "classes": 5}, {"indices": labels.int(), "y": F.one_hot(labels, 5).float()})


def elements():
    x = numbers(3, 6, 4, grad=True)
    for axis, count in ((0, 5), (1, 3), (2, 9)):
        shape = [3, 6, 4]
        extent, shape[axis] = shape[axis], count
        indices = torch.randint(extent, shape)
        y = torch.gather(x, axis, indices)
        yield Case(f"gather {axis}", {"operation": "gather", "axis": axis},
                   {"x": x, "indices": indices.int(), "y": y, **gradients(y, x=x)})
        source = numbers(*shape, grad=True)
        y = torch.zeros(3, 6, 4).scatter_add(axis, indices, source)
        yield Case(f"scatter_add {axis}", {"operation": "scatter_add", "axis": axis, "extent": extent},
                   {"x": source, "indices": indices.int(), "y": y, **gradients(y, x=source)})
    for axis, k, largest in ((0, 2, True), (1, 4, True), (1, 6, False), (2, 1, False)):
        y, indices = torch.topk(x, k, axis, largest)
        yield Case(f"topk {axis} {k} {largest}", {"operation": "topk", "axis": axis, "k": k, "largest": largest},
                   {"x": x, "y": y, "indices": indices.int(), **gradients(y, x=x)})
    for axis, descending in ((0, False), (1, True), (2, False)):
        y, indices = torch.sort(x, axis, descending)
        yield Case(f"sort {axis} {descending}", {"operation": "sort", "axis": axis, "descending": descending},
                   {"x": x, "y": y, "indices": indices.int(), **gradients(y, x=x)})
    for axis in (0, 1, 2):
        y = torch.cumsum(x, axis)
        yield Case(f"cumsum {axis}", {"operation": "cumsum", "axis": axis}, {"x": x, "y": y, **gradients(y, x=x)})


def sizes():
    inputs = {1: (2, 3, 7), 2: (2, 3, 5, 6), 3: (1, 2, 3, 4, 5)}
    outputs = {1: [(13,), (14,), (3,), (1,)], 2: [(10, 12), (3, 13), (7, 2), (1, 1)], 3: [(6, 8, 10), (2, 7, 3)]}
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}
    for rank, shape in inputs.items():
        x = numbers(*shape, grad=True)
        for size in outputs[rank]:
            text = "x".join(map(str, size))
            for mode, corners in ((linear[rank], False), (linear[rank], True), ("nearest", None)):
                y = F.interpolate(x, size=size, mode=mode, align_corners=corners)
                yield Case(f"interpolate {mode} {corners} {text}",
                           {"operation": "interpolate", "linear": mode != "nearest", "corners": bool(corners), "size": list(size)},
                           {"x": x, "y": y, **gradients(y, x=x)})
            pool = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[rank]
            if all(p <= h for p, h in zip(size, shape[2:])) or rank > 1:
                y = pool(x, size)
                yield Case(f"adaptive_avg_pool{rank}d {text}", {"operation": "adaptive_avg_pool", "size": list(size)},
                           {"x": x, "y": y, **gradients(y, x=x)})
    x = numbers(1, 2, 3, 5, grad=True)
    for scale in (2.0, 1.5, 0.5):
        y = F.interpolate(x, scale_factor=scale, mode="bilinear", recompute_scale_factor=True)
        yield Case(f"upsample {scale}", {"operation": "upsample", "scale": scale}, {"x": x, "y": y, **gradients(y, x=x)})


def reductions():
    x = numbers(3, 4, 5, low=-3.0, high=3.0, grad=True)
    for axes in ([0], [1], [2], [0, 2], [0, 1, 2]):
        for keep in (False, True):
            functions = {
                "logsumexp": torch.logsumexp(x, axes, keep),
                "var": torch.var(x, axes, keepdim=keep),
                "var0": torch.var(x, axes, correction=0, keepdim=keep),
                "std": torch.std(x, axes, keepdim=keep),
                "norm1": torch.linalg.vector_norm(x, 1, axes, keep),
                "norm2": torch.linalg.vector_norm(x, 2, axes, keep),
                "min": torch.amin(x, axes, keep),
            }
            if len(axes) == 1:
                functions["prod"] = torch.prod(x, axes[0], keep)
            for name, y in functions.items():
                yield Case(f"{name} {axes} {keep}", {"operation": "reduce", "function": name, "axes": axes, "keep": keep},
                           {"x": x, "y": y, **gradients(y, x=x)})
    for axis in (0, 1, 2):
        y = torch.argmin(x, axis)
        yield Case(f"argmin {axis}", {"operation": "argmin", "axis": axis}, {"x": x, "y": y.int()})
    zeros = torch.tensor([[2.0, 0.0, -3.0], [0.0, 5.0, 0.0], [1.0, 2.0, 3.0]], requires_grad=True)
    y = torch.prod(zeros, 1)
    yield Case("prod with zeros", {"operation": "reduce", "function": "prod", "axes": [1], "keep": False},
               {"x": zeros, "y": y, **gradients(y, x=zeros)})
    huge = torch.tensor([[1000.0, 1001.0], [-1000.0, -1000.5], [-float("inf"), -float("inf")]], requires_grad=True)
    y = torch.logsumexp(huge, [1])
    yield Case("logsumexp huge", {"operation": "reduce", "function": "logsumexp", "axes": [1], "keep": False}, {"x": huge, "y": y})
    line = torch.linspace(-2, 2, 9).requires_grad_()
    y = torch.clamp(line, -1.0, 0.5)
    yield Case("clamp", {"operation": "clip", "low": -1.0, "high": 0.5}, {"x": line, "y": y, **gradients(y, x=line)})
