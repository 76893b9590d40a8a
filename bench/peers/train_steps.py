"""Steady-state throughput of one net: training steps, or inference with --mode infer.

A step is zero_grad, forward, cross entropy, backward and SGD (learning rate 0.01, momentum 0.9) on
one fixed random batch that is already in memory. The warm-up is not timed; the figure is the
images of all timed steps by the seconds that they took together.
"""
import math
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

import peer
import nets
from nets import NETS

WARMUP_STEPS, WARMUP_SECONDS = 3, 0.5    # both are reached
# Beside another busy process OpenMP's spinning threads may take 50 times as long: stop early then.
PATIENCE = 10


def main():
    parser = peer.arguments(__doc__)
    parser.add_argument("model", choices=NETS)
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--batch", type=int, help="default: the net's usual one")
    parser.add_argument("--steps", type=int, help="timed steps; default: what fills --seconds")
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()

    net = NETS[options.model]
    run = peer.Run(options, net)
    batch = options.batch or net.batch
    images, labels = net.random_batch(batch)
    images = images.to(**run.layout)
    run.model.train(options.mode == "train")
    optimizer = run.sgd(learning_rate=0.01, momentum=0.9)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with run.autocast():
            loss = nets.loss(run.model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def infer():
        with torch.inference_mode(), run.autocast():
            return run.model(images)

    step = train if options.mode == "train" else infer
    step()
    first_step_seconds = peer.process_age()
    with FlopCounterMode(display=False) as flops:    # counts convolutions and matrix products
        step()

    warmup, began = [], time.perf_counter()
    while len(warmup) < WARMUP_STEPS or time.perf_counter() - began < WARMUP_SECONDS:
        start = time.perf_counter()
        step()
        warmup.append(time.perf_counter() - start)
    wanted = options.steps or math.ceil(options.seconds / min(warmup))

    limit = PATIENCE * wanted * min(warmup)

    steps, seconds, began = 0, 0, time.perf_counter()
    while steps < wanted and seconds < limit:
        last = step()
        steps += 1
        seconds = time.perf_counter() - began
    run.report(command="bench", model=options.model, mode=options.mode, batch=batch, steps=steps,
               epochs=0, seconds=seconds, images_per_second=batch * steps / seconds,
               train_loss=float(last) if options.mode == "train" else None, test_error=None,
               first_step_seconds=first_step_seconds,
               flops_per_image=flops.get_total_flops() / batch)


if __name__ == "__main__":
    main()
