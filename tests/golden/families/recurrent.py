"""Recurrent layers and cells: outputs, final states, and the gradients of everything that goes in."""
import torch
from torch import nn

from golden import Case, numbers

CELLS = {
    "Tanh": lambda *sizes, **options: nn.RNN(*sizes, **options),
    "ReLU": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "Lstm": nn.LSTM,
    "Gru": nn.GRU,
}
SINGLE = {
    "Tanh": nn.RNNCell,
    "ReLU": lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="relu", **options),
    "Lstm": nn.LSTMCell,
    "Gru": nn.GRUCell,
}
INPUTS, UNITS, STEPS, BATCH = 3, 4, 5, 3
LENGTHS = [3, 5, 1]
LAYERS = {
    "one": dict(layers=1, bidirectional=False, bias=True, lengths=False, states=False, batch_first=False),
    "two": dict(layers=2, bidirectional=False, bias=True, lengths=False, states=True, batch_first=True),
    "plain": dict(layers=1, bidirectional=True, bias=False, lengths=True, states=False, batch_first=False),
    "all": dict(layers=2, bidirectional=True, bias=True, lengths=True, states=True, batch_first=False),
}


def with_gradients(name, attributes, inputs, results, twice=False):
    """The case of the loss that adds up all results, each weighed by fixed numbers; twice: also the
    gradient of x's gradient, weighed by the numbers of x."""
    weights = {f"weight_{key}": torch.linspace(0.5, 1.5, value.numel()).reshape(value.shape) for key, value in results.items()}
    loss = sum((value * weights[f"weight_{key}"]).sum() for key, value in results.items())
    asked = {key: value for key, value in inputs.items() if value.requires_grad}
    found = torch.autograd.grad(loss, list(asked.values()), create_graph=twice)
    gradients = {f"grad_{key}": value for key, value in zip(asked, found)}
    if twice:
        gradients["grad2_x"], = torch.autograd.grad((found[0] * inputs["x"].detach()).sum(), inputs["x"])
    return Case(name, attributes, {**inputs, **results, **weights, **gradients})


def layer_case(cell, name, options):
    layer = CELLS[cell](
        INPUTS, UNITS, num_layers=options["layers"], bidirectional=options["bidirectional"], bias=options["bias"],
        batch_first=options["batch_first"])
    x = numbers(*((BATCH, STEPS) if options["batch_first"] else (STEPS, BATCH)), INPUTS, grad=True)
    inputs = {"x": x, **dict(layer.named_parameters())}
    states = options["layers"] * (2 if options["bidirectional"] else 1), BATCH, UNITS
    initial = None
    if options["states"]:
        inputs["hidden"] = numbers(*states, grad=True)
        initial = inputs["hidden"]
        if cell == "Lstm":
            inputs["cell"] = numbers(*states, grad=True)
            initial = inputs["hidden"], inputs["cell"]
    given = x
    if options["lengths"]:
        inputs["lengths"] = torch.tensor(LENGTHS, dtype=torch.int32)
        given = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False, batch_first=options["batch_first"])
    y, final = layer(given, initial)
    if options["lengths"]:
        y, _ = nn.utils.rnn.pad_packed_sequence(y, total_length=STEPS, batch_first=options["batch_first"])
    results = {"y": y, "final_hidden": final[0], "final_cell": final[1]} if cell == "Lstm" else {"y": y, "final_hidden": final}
    return with_gradients(f"{cell} {name}", {"cell": cell, **options}, inputs, results)


def single_case(cell, states):
    layer = SINGLE[cell](INPUTS, UNITS)
    inputs = {"x": numbers(BATCH, INPUTS, grad=True), **dict(layer.named_parameters())}
    initial = None
    if states:
        inputs["hidden"] = initial = numbers(BATCH, UNITS, grad=True)
        if cell == "Lstm":
            inputs["cell"] = numbers(BATCH, UNITS, grad=True)
            initial = inputs["hidden"], inputs["cell"]
    else:
        del inputs["weight_hh"]  # its gradient is zero
    final = layer(inputs["x"], initial)
    results = {"final_hidden": final[0], "final_cell": final[1]} if cell == "Lstm" else {"final_hidden": final}
    tag = "states" if states else "zeros"
    return with_gradients(f"{cell} cell from {tag}", {"cell": cell, "single": True}, inputs, results, twice=cell != "ReLU")


def cases():
    for cell in CELLS:
        for name, options in LAYERS.items():
            yield layer_case(cell, name, options)
        for states in (True, False):
            yield single_case(cell, states)
