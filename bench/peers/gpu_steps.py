"""Training steps of one net on a GPU, in each of PyTorch's settings; one line of JSON a setting.

A step is zero_grad, forward, cross entropy, backward and SGD (learning rate 0.01, momentum 0.9) on
one fixed random batch in the GPU's memory, as in `deepnative bench`. The warm-up is not timed and
holds all compilation, whose time is reported; the figure is the images of the timed steps by their
seconds. With --data also the whole training of mnistnet: 10 epochs, the images in the GPU's memory.
"""
import argparse
import contextlib
import json
import signal
import sys
import time

import torch

import nets
from nets import NETS

WARMUP_STEPS = 20
# Setting: precision, channels-last, torch.compile's mode (None: not compiled).
SETTINGS = {
    "eager": ("f32", False, None),
    "eager channels_last": ("f32", True, None),
    "compile": ("f32", True, "reduce-overhead"),
    "eager channels_last autocast": ("bf16", True, None),
    "compile autocast": ("bf16", True, "reduce-overhead"),
}


class OutOfTime(Exception):
    """The time of one setting is over."""


def stop(*_):
    raise OutOfTime


class Trainer:
    """One net in one setting."""

    def __init__(self, net, setting, device, learning_rate, momentum):
        self.precision, channels_last, compiled = SETTINGS[setting]
        self.device = device
        self.layout = {}
        if channels_last and net.layout:
            self.layout["memory_format"] = torch.channels_last
        torch.manual_seed(0)
        self.model = net.build().to(device, **self.layout)
        self.forward = torch.compile(self.loss, mode=compiled) if compiled else self.loss
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=learning_rate,
                                         momentum=momentum, fused=device.type == "cuda" or None)

    def autocast(self):
        if self.precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def loss(self, images, labels):
        with self.autocast():
            return nets.loss(self.model(images), labels)

    def step(self, images, labels):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(images, labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(net, setting, device, batch, seconds):
    trainer = Trainer(net, setting, device, learning_rate=0.01, momentum=0.9)
    images, labels = (x.to(device) for x in net.random_batch(batch))
    images = images.contiguous(**trainer.layout)
    began = time.perf_counter()
    trainer.step(images, labels)
    trainer.wait()
    first = time.perf_counter() - began
    for _ in range(WARMUP_STEPS):
        trainer.step(images, labels)
    trainer.wait()
    warm = time.perf_counter() - began
    # As many steps as fill the time, counted first so that none of them waits for the GPU.
    began = time.perf_counter()
    for _ in range(10):
        trainer.step(images, labels)
    trainer.wait()
    steps = max(10, int(seconds / (time.perf_counter() - began) * 10))
    began = time.perf_counter()
    for _ in range(steps):
        last = trainer.step(images, labels)
    trainer.wait()
    taken = time.perf_counter() - began
    return {"precision": trainer.precision, "steps": steps, "seconds": taken,
            "images_per_second": batch * steps / taken, "first_step_seconds": first,
            "compile_seconds": round(warm, 1) if SETTINGS[setting][2] else None,
            "train_loss": float(last)}


def train_mnist(folder, setting, device, batch, epochs):
    """The recipe of mnist_epochs.py; the images are on the device before the clock starts."""
    from mnist_epochs import load    # NumPy is needed for this alone
    (images, labels), (test_images, test_labels) = load(folder)
    trainer = Trainer(NETS["mnistnet"], setting, device, learning_rate=0.1, momentum=0)
    images, labels = images.to(device), labels.to(device)
    images = images.contiguous(**trainer.layout)
    # Compilation and the first launches are not timed: neither are ours.
    state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    began = time.perf_counter()
    for i in range(WARMUP_STEPS):
        trainer.step(images[i * batch:(i + 1) * batch], labels[i * batch:(i + 1) * batch])
    trainer.wait()
    warm = time.perf_counter() - began
    trainer.model.load_state_dict(state)
    began = time.perf_counter()
    for _ in range(epochs):
        for i in range(0, len(images), batch):
            trainer.step(images[i:i + batch], labels[i:i + batch])
    trainer.wait()
    taken = time.perf_counter() - began
    with torch.inference_mode(), trainer.autocast():
        wrong = sum(int((trainer.model(x.to(device)).argmax(1).cpu() != y).sum())
                    for x, y in zip(test_images.split(1000), test_labels.split(1000)))
    return {"precision": trainer.precision, "epochs": epochs, "seconds": taken,
            "compile_seconds": round(warm, 1) if SETTINGS[setting][2] else None,
            "test_error": wrong / len(test_labels)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NETS)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seconds", type=float, default=1.5, help="timed, for each setting")
    parser.add_argument("--limit", type=float, default=100, help="seconds for everything")
    parser.add_argument("--data", help="folder of MNIST: train mnistnet too")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="default: all")
    options = parser.parse_args()

    device = torch.device(options.device)
    if device.type == "cuda":
        # As DeepNative's default: float32 is float32.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
    net = NETS[options.model]
    batch = options.batch or net.batch
    work = [("bench", setting) for setting in options.setting or SETTINGS]
    if options.data and options.model == "mnistnet":
        work += [("train", setting) for setting in options.setting or SETTINGS
                 if SETTINGS[setting][0] == "f32"]
    ends = time.perf_counter() + options.limit
    signal.signal(signal.SIGALRM, stop)
    for command, setting in work:
        result = {"command": command, "model": options.model, "setting": setting, "batch": batch,
                  "precision": SETTINGS[setting][0]}
        try:
            left = ends - time.perf_counter()
            if left < 1:
                raise OutOfTime
            signal.setitimer(signal.ITIMER_REAL, left)
            if command == "bench":
                result |= measure(net, setting, device, batch, options.seconds)
            else:
                result |= train_mnist(options.data, setting, device, batch, options.epochs)
        except OutOfTime:
            result["error"] = "no time left"
        except Exception as error:    # one setting that PyTorch refuses does not end the others
            result["error"] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(result), flush=True)
        torch.compiler.reset()
    return 0


if __name__ == "__main__":
    sys.exit(main())
