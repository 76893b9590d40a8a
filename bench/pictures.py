"""`bench/compare pictures`: JPEG decoding and a random resized crop to 224 x 224, images/s of one thread.

Ours, Pillow and torchvision take turns over the same 200 pictures of about 500 x 375 (quality 90, made by
bench/peers/pictures.py) and the same crops; the files are in memory. The result of a side is its best round.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.expanduser("~/.cache/deepnative")


class Server:
    def __init__(self, name, command, favour):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        favour(self.process.pid)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"compare: {self.name} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main(arguments, favour, cpu_name):
    parser = argparse.ArgumentParser(prog="bench/compare pictures", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--data", default=os.environ.get("DEEPNATIVE_DATA", CACHE),
                        help="where the pictures are kept (default ~/.cache/deepnative)")
    parser.add_argument("--bench", default=os.path.join(os.path.dirname(HERE), "build/release/bin/picture_bench"),
                        help="our side, built by cmake --preset tests")
    parser.add_argument("--at-least", type=float, metavar="RATIO", help="exit with 1 when we are not that fast")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    folder = os.path.join(options.data, "pictures")
    os.environ["DEEPNATIVE_DATA"], os.environ["OMP_NUM_THREADS"] = os.path.abspath(options.data), "1"

    peer = Server("the peer", [f"{HERE}/peers/run", "plain", "pictures.py", "/mnt/data/pictures"], favour)
    head = peer.answer()
    ours = Server("ours", [options.bench, folder], favour)
    sides = {"ours": (ours, "round"), "Pillow": (peer, "pillow"), "torchvision": (peer, "torchvision")}
    seconds = {name: [] for name in sides}
    crops = os.path.join(folder, "ours.bin")
    ours.ask(f"write {crops}")
    difference = peer.ask("check /mnt/data/pictures/ours.bin")
    os.remove(crops)
    for number in range(options.rounds + 1):
        for name, (server, line) in sides.items():
            found = server.ask(line)["seconds"]
            if number > 0:                      # the first warms up
                seconds[name].append(found)
    ours.close()
    peer.close()

    rates = {name: head["count"] / min(times) for name, times in seconds.items()}
    others = max(rate for name, rate in rates.items() if name != "ours")
    result = {"device": cpu_name(), "peer_version": head["version"], "rounds": options.rounds,
              "count": head["count"], "mean_bytes": head["bytes"] / head["count"], "images_per_second": rates,
              "ratio": rates["ours"] / others, "difference": difference, "seconds": seconds}
    print(f"machine  {result['device']}\npeer     {head['version']}\n"
          f"pictures {head['count']}, {result['mean_bytes'] / 1024:.0f} KiB on average; one thread, best of {options.rounds}")
    for name, rate in rates.items():
        print(f"{name:12} {rate:8.0f} images/s   {1000 / rate:6.3f} ms")
    print(f"ratio    {result['ratio']:.2f} to the faster peer\n"
          f"values   at most {difference['largest']} of 255 from Pillow's, {difference['mean']:.3f} on average")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)
    return int(options.at_least is not None and result["ratio"] < options.at_least)


if __name__ == "__main__":
    sys.exit("usage: bench/compare pictures")
