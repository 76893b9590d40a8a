#!/usr/bin/env python3
"""Writes FAMILY.safetensors beside this file: inputs, and what PyTorch computes from them.

    bench/peers/run plain tests/golden/make_golden.py            all families
    bench/peers/run plain tests/golden/make_golden.py losses     one

families/FAMILY.py has a function cases(), which yields golden.Case objects. The tests read the files
through tests/managed/Golden/GoldenFile.cs and need no PyTorch.
"""
import argparse
import importlib
import json
import pathlib
import random
import struct
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
TYPES = {torch.float32: "F32", torch.int32: "I32", torch.int64: "I64", torch.uint8: "U8"}


def write(path, cases):
    """One safetensors file: tensors CASE/NAME, the cases' attributes as JSON in the metadata."""
    tensors, attributes = {}, {}
    for case in cases:
        if case.name in attributes:
            raise ValueError(f"{path.stem}: two cases are called {case.name!r}")
        attributes[case.name] = case.attributes
        for name, value in case.tensors.items():
            tensors[f"{case.name}/{name}"] = value.detach().contiguous()
    header, data = {"__metadata__": {"torch": torch.__version__, "cases": json.dumps(attributes)}}, b""
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        content = value.numpy().tobytes()
        header[name] = {"dtype": TYPES[value.dtype], "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"{path.name}: {len(attributes)} cases, {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", help=argparse.SUPPRESS)  # of bench/peers/run
    parser.add_argument("families", nargs="*", help="default: all")
    asked = parser.parse_args().families
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for family in asked or sorted(path.stem for path in (HERE / "families").glob("[a-z]*.py")):
        torch.manual_seed(20240517)
        random.seed(20240517)
        write(HERE / f"{family}.safetensors", importlib.import_module(f"families.{family}").cases())


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
