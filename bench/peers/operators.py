"""Times single operators for `bench/compare operators`: a request a line, a JSON answer a line.

    {"case": CASE, "pass": PASS}   makes the data, warms up; {"version": ...} or {"skipped": reason}
    {"seconds": S}                 repeats for so long; {"min_us", "median_us", "count"}

CASE is a line of bench/operators.json. A pass: `forward`, without autograd; `backward NAMES`, the
gradients alone; `train`, both; `update`, an optimiser's step. Images are timed in both memory formats, and
the faster one counts.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

import peer

WARMUP_SECONDS, FEWEST = 0.03, 3


# ---- operators: input tensors and the case give a function that computes the result

def window(c):
    return {k: c[k] for k in ("stride", "padding", "dilation", "groups") if k in c}


def convolution(function):
    return lambda t, c: lambda: function(t["x"], t["weight"], t.get("bias"), **window(c))


def pooling(function):
    return lambda t, c: lambda: function(t["x"], c["kernel"], **window(c))


def unary(function):
    return lambda t, c: lambda: function(t["x"])


def binary(function):
    return lambda t, c: lambda: function(t["a"], t["b"])


def reduction(function):
    return lambda t, c: lambda: function(t["x"], dim=c["axes"])


def along(function):
    return lambda t, c: lambda: function(t["x"], dim=c["axis"])


def batch_norm(training):
    return lambda t, c: lambda: F.batch_norm(
        t["x"], t["running_mean"], t["running_var"], t["weight"], t["bias"], training)


def matmul(t, c):
    if c.get("transpose_b"):
        return lambda: torch.matmul(t["a"], t["b"].mT)
    return lambda: torch.matmul(t["a"], t["b"])


def crop(t, c):
    where = tuple(slice(b, b + e) for b, e in zip(c["begin"], c["extent"]))
    return lambda: t["x"][where].contiguous()


def pad(t, c):
    return lambda: F.pad(t["x"], [c["padding"]] * 4, mode=c["mode"])


def ctc_loss(t, c):
    steps, batch, classes = t["x"].shape
    inputs = torch.full((batch,), steps, dtype=torch.int32)
    targets = torch.full((batch,), t["targets"].shape[1], dtype=torch.int32)
    return lambda: F.ctc_loss(t["x"].log_softmax(2), t["targets"] + 1, inputs, targets)


def recurrent(kind):
    def make(t, c):
        net = kind(t["x"].shape[2], c["hidden"], c["layers"])
        t.update(net.named_parameters())
        return lambda: net(t["x"])[0]
    return make


def resize(mode):
    # The default of align_corners is False, and nearest refuses to be told.
    return lambda t, c: lambda: F.interpolate(
        t["x"], size=c.get("size"), scale_factor=c.get("scale"), mode=mode)


OPERATORS = {
    "conv1d": convolution(F.conv1d), "conv2d": convolution(F.conv2d),
    "conv_transpose2d": convolution(F.conv_transpose2d),
    "linear": lambda t, c: lambda: F.linear(t["x"], t["weight"], t["bias"]),
    "matmul": matmul,
    "max_pool2d": pooling(F.max_pool2d),
    "avg_pool2d": pooling(lambda x, k, **w: F.avg_pool2d(x, k, count_include_pad=False, **w)),
    "global_avg_pool": lambda t, c: lambda: F.adaptive_avg_pool2d(t["x"], 1),
    "adaptive_avg_pool2d": lambda t, c: lambda: F.adaptive_avg_pool2d(t["x"], c["size"]),
    "batch_norm": batch_norm(True), "batch_norm_inference": batch_norm(False),
    "layer_norm": lambda t, c: lambda: F.layer_norm(
        t["x"], t["weight"].shape, t["weight"], t["bias"]),
    "group_norm": lambda t, c: lambda: F.group_norm(t["x"], c["groups"], t["weight"], t["bias"]),
    "instance_norm": lambda t, c: lambda: F.instance_norm(
        t["x"], weight=t["weight"], bias=t["bias"]),
    "lrn": lambda t, c: lambda: F.local_response_norm(
        t["x"], c["size"], c["alpha"], c["beta"], c["k"]),
    "relu": unary(F.relu), "leaky_relu": unary(F.leaky_relu), "elu": unary(F.elu),
    "gelu": unary(F.gelu), "gelu_tanh": unary(lambda x: F.gelu(x, approximate="tanh")),
    "silu": unary(F.silu), "sigmoid": unary(torch.sigmoid), "tanh": unary(torch.tanh),
    "softplus": unary(F.softplus), "hardswish": unary(F.hardswish), "mish": unary(F.mish),
    "sigmoid_backward": lambda t, c: lambda: torch.ops.aten.sigmoid_backward(t["grad"], t["y"]),
    "tanh_backward": lambda t, c: lambda: torch.ops.aten.tanh_backward(t["grad"], t["y"]),
    "exp": unary(torch.exp), "log": unary(torch.log), "sqrt": unary(torch.sqrt),
    "add": binary(torch.add), "multiply": binary(torch.mul), "power": binary(torch.pow),
    "add_relu": binary(lambda a, b: F.relu(a + b)),
    "sum": reduction(torch.sum), "mean": reduction(torch.mean), "max": reduction(torch.amax),
    "argmax": lambda t, c: lambda: torch.argmax(t["x"], dim=c["axes"][0]),
    "softmax": along(F.softmax), "log_softmax": along(F.log_softmax),
    "cross_entropy": lambda t, c: lambda: F.cross_entropy(t["x"], t["labels"]),
    "mse_loss": lambda t, c: lambda: F.mse_loss(t["x"], t["target"]),
    "bce_with_logits": lambda t, c: lambda: F.binary_cross_entropy_with_logits(t["x"], t["target"]),
    "ctc_loss": ctc_loss,
    "dropout": lambda t, c: lambda: F.dropout(t["x"], c["p"], training=True),
    "uniform": lambda t, c: lambda: torch.rand(c["shape"]),
    "normal": lambda t, c: lambda: torch.randn(c["shape"]),
    "concat": lambda t, c: lambda: torch.cat(tuple(t.values()), c["axis"]),
    "slice": crop, "pad": pad,
    # Row-major to row-major: of channels last nothing would be left to do.
    "transpose": lambda t, c: lambda: t["x"].contiguous().permute(c["axes"]).contiguous(),
    "copy": unary(torch.clone), "cast": unary(lambda x: x.to(torch.bfloat16)),
    "gather_rows": lambda t, c: lambda: torch.index_select(t["x"], 0, t["indices"]),
    "gather_along": lambda t, c: lambda: torch.gather(t["x"], c["axis"], t["indices"]),
    "embedding": lambda t, c: lambda: F.embedding(t["indices"], t["weight"]),
    "top_k": lambda t, c: lambda: torch.topk(t["x"], c["k"], c["axis"]),
    "cumulative_sum": along(torch.cumsum),
    "upsample_nearest": resize("nearest"), "upsample_bilinear": resize("bilinear"),
    "lstm": recurrent(torch.nn.LSTM), "gru": recurrent(torch.nn.GRU), "rnn": recurrent(torch.nn.RNN),
    "attention": lambda t, c: lambda: F.scaled_dot_product_attention(t["q"], t["k"], t["v"]),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-6, momentum=0.9, fused=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-6, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-6, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-6),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-6, fused=True),
}
INDICES = {"labels", "indices", "targets"}


# ---- one case

def tensor(name, shape, case, layout):
    if name in INDICES:
        return torch.randint(case["classes"], shape)
    low, high = (0.5, 1.5) if name == "running_var" else (case.get("low", -1), case.get("high", 1))
    values = torch.rand(shape) * (high - low) + low
    return values.to(memory_format=layout) if len(shape) == 4 else values


def function(case, which, layout):
    """What to time."""
    if case["op"] in OPTIMIZERS:
        parameters = [torch.nn.Parameter(torch.rand(s)) for s in case["parameters"]]
        for parameter in parameters:
            parameter.grad = torch.rand_like(parameter)
        return OPTIMIZERS[case["op"]](parameters).step

    tensors = {name: tensor(name, shape, case, layout) for name, shape in case["in"].items()}
    compute = OPERATORS[case["op"]](tensors, case)
    if which == "forward":
        def forward():
            with torch.inference_mode():
                return compute()
        return forward

    names = which.split(" ")[1].split(",") if " " in which else [
        name for name, t in tensors.items()
        if t.is_floating_point() and not name.startswith("running_") and name != "target"]
    wanted = [tensors[name].requires_grad_() for name in names]
    output = compute()
    gradient = torch.rand_like(output)
    if which == "train":
        return lambda: torch.autograd.grad(compute(), wanted, gradient)
    return lambda: torch.autograd.grad(output, wanted, gradient, retain_graph=True)


def repeat(step, seconds):
    times, began = [], time.perf_counter()
    last = began
    while len(times) < FEWEST or last - began < seconds:
        step()
        now = time.perf_counter()
        times.append(now - last)
        last = now
    return times


def prepare(case, which, setting):
    layouts = [torch.contiguous_format]
    if setting.channels_last and any(len(shape) == 4 for shape in case["in"].values()):
        layouts.append(torch.channels_last)
    steps = [function(case, which, layout) for layout in layouts]
    best = min(steps, key=lambda step: statistics.median(repeat(step, WARMUP_SECONDS)))
    return best, str(layouts[steps.index(best)]).removeprefix("torch.")


def main():
    options = peer.arguments(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch.set_flush_denormal(True)         # as ours does
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            step = None                    # its memory first
            case = request["case"]
            if case["op"] in OPERATORS or case["op"] in OPTIMIZERS:
                step, layout = prepare(case, request["pass"], peer.SETTINGS[options.setting])
                answer = {"version": f"PyTorch {torch.__version__}", "how": layout}
            else:
                answer = {"skipped": "the peer does not know it"}
        else:
            step()                         # the other side had the caches meanwhile
            times = repeat(step, request["seconds"])
            answer = {"min_us": 1e6 * min(times), "median_us": 1e6 * statistics.median(times),
                      "count": len(times)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
