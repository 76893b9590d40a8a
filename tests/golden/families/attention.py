"""Scaled dot-product attention and multi-head attention: results and all gradients."""
import torch
from torch import nn
from torch.nn import functional as F

from golden import Case, gradients, numbers


def scaled(name, queries=5, keys=7, heads=(2, 3), mask=None, **arguments):
    q, k, v = numbers(*heads, queries, 4, grad=True), numbers(*heads, keys, 4, grad=True), numbers(*heads, keys, 6, grad=True)
    tensors = {"q": q, "k": k, "v": v}
    if mask is not None:
        tensors["mask"] = mask.to(torch.uint8) if mask.dtype == torch.bool else mask
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, **arguments)
    attributes = {"causal": arguments.get("is_causal", False), "scale": arguments.get("scale")}
    return Case(name, attributes, {**tensors, "y": y, **gradients(y, q=q, k=k, v=v)})


def multi_head(name, query=(2, 5), memory=None, heads=3, bias=True, causal=False, lengths=None, mask=None):
    features = 12
    layer = nn.MultiheadAttention(features, heads, bias=bias, batch_first=True)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    inputs = {"query": numbers(*query, features, grad=True)}
    if memory:
        inputs["key"] = numbers(*memory, features, grad=True)
        inputs["value"] = numbers(*memory, features, grad=True)
    q, k, v = (inputs.get(key, inputs["query"]) for key in ("query", "key", "value"))
    tensors = dict(inputs)
    padding = None
    if lengths:
        tensors["lengths"] = torch.tensor(lengths, dtype=torch.int32)
        padding = torch.arange(k.shape[1])[None, :] >= tensors["lengths"][:, None]
        padding = torch.zeros(padding.shape).masked_fill(padding, -torch.inf)
    attention_mask = mask
    if causal:
        attention_mask = nn.Transformer.generate_square_subsequent_mask(q.shape[1])
    elif mask is not None:
        tensors["mask"] = mask
    y, _ = layer(q, k, v, key_padding_mask=padding, attn_mask=attention_mask, need_weights=False)
    parameters = dict(layer.named_parameters())
    tensors.update({"y": y, **parameters, **gradients(y, **inputs, **parameters)})
    return Case(name, {"heads": heads, "bias": bias, "causal": causal}, tensors)


def cases():
    yield scaled("scaled plain")
    yield scaled("scaled matrix", heads=())
    yield scaled("scaled causal", is_causal=True)
    yield scaled("scaled causal square", queries=6, keys=6, is_causal=True)
    yield scaled("scaled causal tall", queries=8, keys=3, is_causal=True)
    yield scaled("scaled factor", scale=0.3)
    yield scaled("scaled added", mask=numbers(5, 7))
    yield scaled("scaled added per head", mask=numbers(2, 3, 5, 7))
    allowed = torch.rand(2, 1, 5, 7) < 0.6
    allowed[..., 0] = True
    yield scaled("scaled allowed", mask=allowed)
    nothing = allowed.clone()
    nothing[0, 0, 2] = False
    yield scaled("scaled nothing allowed", mask=nothing)
    yield multi_head("self")
    yield multi_head("self one head", heads=1)
    yield multi_head("self without bias", bias=False)
    yield multi_head("self causal", causal=True)
    yield multi_head("self with lengths", query=(3, 4), lengths=[4, 1, 3])
    yield multi_head("cross", memory=(2, 7))
    yield multi_head("cross with lengths", memory=(2, 7), lengths=[3, 7])
    yield multi_head("cross with a mask", memory=(2, 7), mask=numbers(5, 7))
