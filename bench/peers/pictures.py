"""Decodes pictures and cuts randomly sized parts out of them, by Pillow and by torchvision, on one thread.

`bench/compare pictures` starts it. It first writes the pictures and crops.txt into the folder given,
unless they are there, and then answers lines on the standard input:
  pillow | torchvision    one pass over all crops: the seconds, the picture's file being in memory
  check FILE              how far the crops in FILE, which ours wrote, are from Pillow's
"""
import argparse
import io
import json
import os
import sys
import time

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import functional

COUNT, SIZE = 200, 224


def natural_looking(random, height, width):
    """Smooth noise at several scales, with edges: a JPEG of it has about the bytes of a photograph."""
    total = numpy.zeros((height, width, 3))
    for scale, weight in ((4, 90), (12, 60), (40, 35), (120, 16), (height, 7)):
        shape = (max(2, scale * height // height), max(2, scale * width // height))
        layers = []
        for _ in range(3):
            noise = Image.fromarray(random.standard_normal(shape).astype("f4"))
            layers.append(numpy.asarray(noise.resize((width, height), Image.BICUBIC)))
        # Mostly grey: channels of a photograph go together.
        layer = numpy.stack(layers, -1)
        total += weight * (0.7 * layer[..., :1] + 0.3 * layer)
    for _ in range(6):
        y, x = random.integers(height), random.integers(width)
        h, w = random.integers(20, height // 2), random.integers(20, width // 2)
        total[y:y + h, x:x + w] += random.normal(0, 40, 3)
    return numpy.clip(total + 128, 0, 255).astype("u1")


def random_crop(random, height, width):
    """Part 0.08 to 1 of the area, sides 3:4 to 4:3, as torchvision's RandomResizedCrop."""
    for _ in range(10):
        area = height * width * random.uniform(0.08, 1)
        ratio = numpy.exp(random.uniform(numpy.log(3 / 4), numpy.log(4 / 3)))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            return random.integers(width - w + 1), random.integers(height - h + 1), w, h
    return 0, 0, width, height


def make(folder):
    if os.path.exists(f"{folder}/crops.txt"):
        return
    os.makedirs(folder, exist_ok=True)
    random = numpy.random.default_rng(5)
    lines = []
    for index in range(COUNT):
        size = (375, 500) if index % 4 else (500, 375)
        size = tuple(int(side * random.uniform(0.9, 1.1)) for side in size)
        Image.fromarray(natural_looking(random, *size)).save(f"{folder}/{index}.jpg", quality=90)
        x, y, w, h = random_crop(random, *size)
        lines.append(f"{index}.jpg {x} {y} {w} {h} {random.integers(2)}\n")
    with open(f"{folder}/crops.txt.new", "w") as file:
        file.writelines(lines)
    os.rename(f"{folder}/crops.txt.new", f"{folder}/crops.txt")


def by_pillow(data, x, y, w, h, flip):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image = image.crop((x, y, x + w, y + h)).resize((SIZE, SIZE), Image.BILINEAR)
    if flip:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return functional.pil_to_tensor(image)


def by_torchvision(data, x, y, w, h, flip):
    image = decode_jpeg(data, mode=ImageReadMode.RGB)
    image = functional.resized_crop(image, y, x, h, w, [SIZE, SIZE], antialias=True)
    return functional.horizontal_flip(image) if flip else image


def check(crops, path):
    ours = numpy.fromfile(path, "u1").reshape(len(crops), 3, SIZE, SIZE).astype("i2")
    off = [numpy.abs(ours[i] - by_pillow(data, *crop).numpy().astype("i2"))
           for i, (data, crop) in enumerate(crops)]
    return {"largest": int(max(o.max() for o in off)), "mean": float(numpy.mean(off)),
            "beyond_2": float(numpy.mean([o > 2 for o in off]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting")
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    make(folder)
    torch.set_num_threads(1)
    crops = []
    with open(f"{folder}/crops.txt") as file:
        for line in file:
            name, *numbers = line.split()
            with open(f"{folder}/{name}", "rb") as picture:
                crops.append((picture.read(), [int(number) for number in numbers]))
    tensors = [(torch.frombuffer(bytearray(data), dtype=torch.uint8), crop) for data, crop in crops]
    print(json.dumps({"version": f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}",
                      "count": len(crops), "bytes": sum(len(data) for data, _ in crops)}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "check":
            print(json.dumps(check(crops, words[1])), flush=True)
            continue
        function, source = (by_pillow, crops) if words[0] == "pillow" else (by_torchvision, tensors)
        start = time.perf_counter()
        for data, crop in source:
            function(data, *crop)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
