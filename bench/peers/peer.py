"""What the peer's scripts share: settings, memory formats, and the one-line JSON report.

The report has the keys of our own `deepnative bench --json`.
"""
import argparse
import contextlib
import json
import os
import platform
import resource
import time
from dataclasses import dataclass

import torch


@dataclass
class Setting:
    precision: str = "f32"      # bf16: torch.autocast; weights and optimiser stay f32
    channels_last: bool = False
    fused: bool = False         # the optimiser's fused kernel


SETTINGS = {                    # `run` preloads jemalloc for all but plain
    "plain": Setting(),
    "tuned": Setting(channels_last=True, fused=True),
    "bf16": Setting("bf16", channels_last=True, fused=True),
}


def arguments(description):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, default="tuned")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    return parser


class Run:
    """One net, ready to train or infer in the setting asked for."""

    def __init__(self, options, net):
        torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        self.options, self.setting = options, SETTINGS[options.setting]
        self.layout = {}
        if self.setting.channels_last and net.layout:
            self.layout["memory_format"] = torch.channels_last
        self.model = net.build().to(**self.layout)

    def autocast(self):
        if self.setting.precision == "bf16":
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def sgd(self, learning_rate, momentum):
        return torch.optim.SGD(self.model.parameters(), lr=learning_rate, momentum=momentum,
                               fused=self.setting.fused or None)

    def report(self, **measured):
        print(json.dumps({
            "device": "cpu", "precision": self.setting.precision, "setting": self.options.setting,
            "threads": self.options.threads, "seed": self.options.seed,
            "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "version": f"PyTorch {torch.__version__}, Python {platform.python_version()}, "
                       f"{torch.backends.cpu.get_cpu_capability()}",
            **measured}), flush=True)


def process_age():
    """Seconds since this process was started (in steps of 10 ms)."""
    with open("/proc/self/stat") as file:
        start_ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")
