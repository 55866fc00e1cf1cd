#!/usr/bin/env python3
"""Explores the same three programs with quipu-bench and with others, in turn, on one processor.

    explorers.py --ours PROGRAM [--peer 'TITLE=PROGRAM']... [--rounds N] [--seconds N] [--json FILE]

Prints how many executions a second each makes at random, and how many it takes to make all there are. A round has each
program once, for about SECONDS; what is shown is the best of the rounds, for a neighbour's noise only takes away. A
search of all is made once, for at most forty times SECONDS.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

RANDOM = {
    "(a) 2 tasks of 3 yields": "sim: 2 tasks of 3 yields",
    "(b) 2x2 messages, capacity 1": "sim: 2x2 messages, capacity 1",
    "(c) 3 tasks lock twice": "sim: 3 tasks lock twice",
}
CHECKED = {
    "(a) 2 tasks of 3 yields": "check: 2 tasks of 3 yields, checked",
    "(b) 2x2 messages, capacity 1": "check: 2x2 messages, checked",
    "(c) 3 tasks lock twice": "check: 3 tasks lock twice, checked",
}
ALL = {
    "(b) 2x2 messages, capacity 1": "sim: 2x2 messages, all schedules",
    "(c) 3 tasks lock twice": "sim: 3 tasks lock twice, all",
}
OURS, OURS_CHECKED = "Quipu", "Quipu, checked"


def stop(sentence):
    sys.exit(f"explorers.py: {sentence}")


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        stop(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def ask_ours(program, name):
    """The minimum of a benchmark, in its own unit."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run([program, name, "--runs", "3", "--json", file.name])
        rows = json.load(file)
    if name not in rows:
        stop(f"{program} has no '{name}'")
    return rows[name]["minimum"]


def ask_peer(program, name, seconds):
    """What a peer says behind a name; None: it has no such work."""
    for line in run([program, "--seconds", str(seconds), name]).splitlines():
        fields = line.split("\t")
        if fields[0] == name:
            return fields[1:]
    return None


def random_rate(options, peers, work):
    """Executions a second, by title: each program once in every round."""
    rates = {}
    for _ in range(options.rounds):
        for title, name in ((OURS, RANDOM[work]), (OURS_CHECKED, CHECKED[work])):
            rates.setdefault(title, []).append(1e9 / ask_ours(options.ours, name))
        for title, program in peers.items():
            said = ask_peer(program, RANDOM[work], options.seconds)
            if said and len(said) == 1:
                rates.setdefault(title, []).append(1e9 / float(said[0]))
    return {title: max(each) for title, each in rates.items()}


def search(options, peers, work):
    """How many executions all are, the seconds that they took, and whether these are all; by title."""
    found = {}
    executions = int(ask_ours(options.ours, ALL[work] + " (number)"))
    found[OURS] = (executions, ask_ours(options.ours, ALL[work]) * executions / 1e9, True)
    for title, program in peers.items():
        said = ask_peer(program, ALL[work], options.seconds * 40)
        if said:
            found[title] = (int(said[0]), float(said[1]), said[2] == "complete")
    return found


def print_random(rows, titles):
    print("\nRandom schedules: executions a second, and how many times those of the best of the others\n")
    print(f"{'':30}" + "".join(f"{title:>17}" for title in titles))
    for work, rates in rows.items():
        best = max((rate for title, rate in rates.items() if not title.startswith(OURS)), default=None)
        print(f"{work:30}" + "".join(f"{rates[title]:17,.0f}" if title in rates else f"{'-':>17}" for title in titles))
        if best:
            times = {title: f"{rates[title] / best:.1f} x" for title in titles if title in rates}
            print(f"{'':30}" + "".join(f"{times.get(title, '-'):>17}" for title in titles))


def print_searches(rows):
    print("\nAll schedules: executions, and seconds\n")
    for work, found in rows.items():
        for title, (executions, seconds, complete) in found.items():
            word = "complete" if complete else "not all: its time was up"
            print(f"{work:30}{title:17}{executions:13,}{seconds:12.4f} s   {word}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json")
    options = parser.parse_args()
    peers = {}
    for text in options.peer:
        title, equals, program = text.partition("=")
        if not equals or not program:
            stop(f"--peer needs 'TITLE=PROGRAM', not '{text}'")
        peers[title] = program
    if options.rounds < 1 or not 0 < options.seconds < 86400:
        stop("--rounds takes a number from 1, --seconds one above 0")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rates = {work: random_rate(options, peers, work) for work in RANDOM}
    print_random(rates, [OURS, OURS_CHECKED, *peers])
    searches = {work: search(options, peers, work) for work in ALL}
    print_searches(searches)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"random": rates, "all": searches}, file, indent=2)


if __name__ == "__main__":
    main()
