"""Trains mnistnet on the real MNIST; reports the seconds of the training and the test error.

The recipe: images normalised by the training images' mean and standard deviation, in the files'
order, SGD with learning rate 0.1 and no momentum. The images are in memory before the clock
starts; the test is not in the seconds.
"""
import gzip
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import peer
from nets import NETS


def read_idx(folder, name):
    path = os.path.join(folder, name)
    opener = open if os.path.exists(path) else gzip.open
    with opener(path if opener is open else path + ".gz", "rb") as file:
        dimensions = np.frombuffer(file.read(4), np.uint8)[3]
        shape = np.frombuffer(file.read(4 * int(dimensions)), ">i4")
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def load(folder):
    """Inputs (N, 1, 28, 28), normalised, and class indices (N), of the training and test set."""
    images = [read_idx(folder, f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
    labels = [read_idx(folder, f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
    mean, deviation = images[0].mean(dtype=np.float64), images[0].std(dtype=np.float64)
    inputs = [((x - mean) / deviation).astype(np.float32)[:, None] for x in images]
    return [(torch.from_numpy(x), torch.from_numpy(y.astype(np.int64)))
            for x, y in zip(inputs, labels)]


def main():
    parser = peer.arguments(__doc__)
    parser.add_argument("--data", default="/mnt/data/mnist", help="folder of the four IDX files")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=100)
    options = parser.parse_args()

    (images, labels), (test_images, test_labels) = load(options.data)
    run = peer.Run(options, NETS["mnistnet"])
    optimizer = run.sgd(learning_rate=0.1, momentum=0)
    batch, count = options.batch, len(images)
    first_step_seconds = None

    began = time.perf_counter()
    for _ in range(options.epochs):
        total = torch.zeros(())
        for i in range(0, count, batch):
            optimizer.zero_grad(set_to_none=True)
            x = images[i:i + batch].contiguous(**run.layout)
            with run.autocast():
                loss = F.cross_entropy(run.model(x), labels[i:i + batch])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
            first_step_seconds = first_step_seconds or peer.process_age()
    seconds = time.perf_counter() - began

    run.model.eval()
    with torch.inference_mode(), run.autocast():
        wrong = sum(int((run.model(x).argmax(1) != y).sum())
                    for x, y in zip(test_images.split(1000), test_labels.split(1000)))
    run.report(command="train", model="mnistnet", mode="train", batch=batch,
               steps=options.epochs * -(-count // batch), epochs=options.epochs, seconds=seconds,
               images_per_second=options.epochs * count / seconds, train_loss=float(total) / count,
               test_error=wrong / len(test_labels), first_step_seconds=first_step_seconds)


if __name__ == "__main__":
    main()
