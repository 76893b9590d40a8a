"""`bench/compare operators`: every case of operators.json, ours beside PyTorch's and oneDNN's kernels.

    bench/compare operators                                 all cases, one table
    bench/compare operators --filter conv2d                 cases whose name contains "conv2d"
    bench/compare operators --at-least 0.91 --worst 0.5     exit status 1 when slower than 1.1x, 2x

The processes are started once and take turns at each case: ours, PyTorch, and ours made to take oneDNN's kernel
where the engine has it as a candidate and did not choose it. A time is the least of all repeats of all rounds;
the ratio is the better other's time by ours, above 1 where we are faster. --json also holds the medians.
Exit status: 0 done, 1 below --at-least or --worst, or an operator of ours failed; 2 no comparison.
"""
import argparse
import collections
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BENCHMARKS = os.path.join(ROOT, "build", "benchmarks")


class Side:
    """One process, which waits for its turn."""

    def __init__(self, name, command, environment, favour):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **environment}, text=True,
                                        start_new_session=True)
        favour(self.process.pid)

    def ask(self, **request):
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            raise SystemExit(f"compare: {self.name} ended with {self.process.wait()} "
                             f"at {json.dumps(request)}") from None

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def build(needed):
    """Builds engine and benchmarks where that is needed, and says how to start the latter."""
    environment = {"DEEPNATIVE_NATIVE_PATH": os.path.join(ROOT, "build", "release", "lib"),
                   **os.environ}
    command = ["dotnet", os.path.join(BENCHMARKS, "DeepNative.Benchmarks.dll")]
    if not needed:
        return command, environment
    if "DEEPNATIVE_NATIVE_PATH" not in os.environ:
        subprocess.run([os.path.join(ROOT, "deepnative"), "devices"], check=True,
                       stdout=subprocess.DEVNULL)
    done = subprocess.run(["dotnet", "build", os.path.join(HERE, "DeepNative.Benchmarks"), "-c",
                           "Release", "-o", BENCHMARKS, "--disable-build-servers"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"compare: the benchmarks do not build\n{done.stdout[-2000:]}")
    return command, environment


class Case:
    """One pass of a line of operators.json, and what was measured."""

    def __init__(self, line, which):
        self.line, self.which = line, which
        self.name = f"{line['op']} {line['name']}, {which}"
        self.reason, self.failed, self.how, self.times = None, False, {}, {}

    def measure(self, sides, options):
        """Times it on all sides in one sitting; fills `times` or `reason`."""
        turns = []
        for name, side in sides.items():
            answer = side.ask(case=self.line, **{"pass": self.which})
            if "how" in answer:
                self.how[name] = answer["how"]
                turns.append((name, side))
            elif name != "onednn":
                self.reason = answer.get("skipped") or answer["failed"]
                self.failed = "failed" in answer
                return
        # Where oneDNN's kernel is the one chosen anyway, or there is none, the third side is no news.
        if self.how.get("onednn") == self.how["ours"] or "onednn" not in self.how.get("onednn", ""):
            turns = [turn for turn in turns if turn[0] != "onednn"]
        samples = collections.defaultdict(list)
        for _ in range(options.rounds):
            for name, side in turns:
                time.sleep(0.005)           # the other side's threads may still be spinning
                samples[name].append(side.ask(seconds=options.seconds))
        for name, answers in samples.items():
            self.times[name] = min(a["min_us"] for a in answers)
            self.times[name + "_median"] = statistics.median(a["median_us"] for a in answers)

    def ratio(self, suffix=""):
        others = [self.times[name + suffix] for name in ("peer", "onednn") if name + suffix in self.times]
        return min(others) / self.times["ours" + suffix]

    def report(self):
        return {"case": self.name, "operator": self.line["op"], "pass": self.which, "ratio": self.ratio(),
                "ratio_of_medians": self.ratio("_median"), "how": self.how,
                **{name + "_us": value for name, value in self.times.items()}}


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def print_case(case):
    def cell(name):
        return f"{case.times[name]:11,.1f}" if name in case.times else " " * 11

    print(f"{case.name:62.62} {cell('ours')} {cell('peer')} {cell('onednn')}  {case.ratio():5.2f}", flush=True)


def print_summary(done, left_out):
    """Returns the geometric mean and the worst case."""
    by_operator = collections.defaultdict(list)
    for case in done:
        by_operator[case.line["op"]].append(case)
    print(f"\n{'operator':24} {'cases':>5} {'geometric mean':>15} {'worst':>6}")
    for name, cases in sorted(by_operator.items()):
        ratios = [case.ratio() for case in cases]
        print(f"{name:24} {len(cases):5} {geometric_mean(ratios):15.2f} {min(ratios):6.2f}")
    for reason, cases in left_out.items():
        print(f"{len(cases)} left out, {reason}: {', '.join(sorted({c.line['op'] for c in cases}))}")
    mean, worst = geometric_mean(case.ratio() for case in done), min(done, key=Case.ratio)
    print(f"{len(done)} cases: geometric mean {mean:.3f} times the speed of the better other "
          f"({geometric_mean(case.ratio('_median') for case in done):.3f} by medians); "
          f"worst {worst.ratio():.2f}: {worst.name}")
    return mean, worst


def main(arguments, favour, cpu_name):
    parser = argparse.ArgumentParser(prog="compare operators", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", action="append", metavar="TEXT",
                        help="only cases whose name contains it; may be given again")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side at a case (default 5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="a turn's length (default 0.1)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--setting", choices=["tuned", "plain"], default="tuned",
                        help="the peer's: tuned is jemalloc and the faster of the two memory formats")
    parser.add_argument("--at-least", type=float, metavar="RATIO",
                        help="exit with 1 when the geometric mean of all cases is below")
    parser.add_argument("--worst", type=float, metavar="RATIO", help="exit with 1 when a case is below")
    parser.add_argument("--json", metavar="FILE", help="write the result, with every case")
    parser.add_argument("--no-build", action="store_true", help="take what the last run built")
    options = parser.parse_args(arguments)

    with open(os.path.join(HERE, "operators.json")) as file:
        cases = [Case(line, which) for line in json.load(file) for which in line["pass"]]
    cases = [c for c in cases if not options.filter or any(text in c.name for text in options.filter)]
    if not cases:
        print("compare: no case has such a name", file=sys.stderr)
        return 2

    command, environment = build(not options.no_build)
    command += ["serve", "cpu", str(options.threads)]
    environment["OMP_NUM_THREADS"] = str(options.threads)
    sides = {"ours": Side("ours", command, environment, favour),
             "peer": Side("the peer", [f"{HERE}/peers/run", options.setting, "operators.py",
                                       "--threads", str(options.threads)], environment, favour),
             "onednn": Side("ours with oneDNN's kernels", command,
                            {**environment, "DEEPNATIVE_PREFER": "onednn:"}, favour)}
    print(f"machine  {cpu_name()}, load {os.getloadavg()[0]:.2f}, {options.threads} threads, f32")
    print(f"command  {shlex.join(['bench/compare', 'operators', *arguments])}\n")
    print(f"{'case':62} {'ours us':>11} {'PyTorch us':>11} {'oneDNN us':>11}  ratio")
    done, left_out = [], collections.defaultdict(list)
    try:
        for case in cases:
            case.measure(sides, options)
            if case.reason:
                left_out[case.reason].append(case)
            else:
                done.append(case)
                print_case(case)
    finally:
        for side in sides.values():
            side.close()
    if not done:
        print(f"compare: nothing measured: {'; '.join(left_out)}", file=sys.stderr)
        return 2
    mean, worst = print_summary(done, left_out)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"command": shlex.join(["bench/compare", "operators", *arguments]), "device": cpu_name(),
                       "threads": options.threads, "rounds": options.rounds, "seconds": options.seconds,
                       "geometric_mean": mean, "worst": worst.report(),
                       "cases": [case.report() for case in done],
                       "left_out": {why: [c.name for c in some] for why, some in left_out.items()}},
                      file, indent=1)
            file.write("\n")
    failed = any(case.failed for some in left_out.values() for case in some)
    slow = (options.at_least is not None and mean < options.at_least
            or options.worst is not None and worst.ratio() < options.worst)
    if slow:
        print("below what was asked for")
    return 1 if failed or slow else 0
