#!/usr/bin/env python3
"""Runs quipu-bench and the same work by others in turn, and prints what each took and how they compare.

    compare.py --ours PROGRAM [--peer 'TITLE=COMMAND']... [--rounds N] [--runs N] [--json FILE] [NAME...]

Benchmark by benchmark, each program is run in turn, `rounds` times over, each time for the median of `runs`; what is
shown is the median of these medians. So all of them meet the same machine in the same minute. The targets are in
targets.txt beside this file.
"""
import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = Path(__file__).resolve().with_name("targets.txt")
ONE_CORE = " @1"


def stop(sentence):
    sys.exit(f"compare.py: {sentence}")


def read_targets():
    targets = {}
    for number, line in enumerate(TARGETS.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, bar, text = (part.strip() for part in line.partition("|"))
        match = re.fullmatch(r"(?:(?P<factor>[\d.]+) of (?P<peer>[^:]+)(?:: (?P<other>.+))?|at most (?P<most>[\d.]+))", text)
        if not bar or not match or name in targets:
            stop(f"{TARGETS}:{number}: not a line of NAME | TARGET, or a second one for the name")
        targets[name] = {"text": text, **match.groupdict()}
    return targets


def shared_name(name):
    """The name by which others know the work: without what stands in brackets at the end."""
    core = ONE_CORE if name.endswith(ONE_CORE) else ""
    return re.sub(r" \([^)]*\)$", "", name.removesuffix(ONE_CORE)) + core


def run(command, name):
    """A program's standard output for one benchmark; on one processor where the name says so."""
    only = (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) if name.endswith(ONE_CORE) else None
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, preexec_fn=only)
    if done.returncode != 0:
        stop(f"{shlex.join(command)} failed")
    return done.stdout


def measure_ours(program, name, runs):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run([program, name.removesuffix(ONE_CORE), "--runs", str(runs), "--json", file.name], name)
        rows = json.load(open(file.name))
    row = rows.get(name.removesuffix(ONE_CORE))
    return (row["median"], row["unit"]) if row else None


def measure_peer(command, name, runs):
    """None where the peer has no such work: it may have printed others, whose names hold this one."""
    own_name = shared_name(name).removesuffix(ONE_CORE)
    for line in run([*command, own_name, "--runs", str(runs)], name).splitlines():
        fields = re.split(r"\t| {2,}", line.strip())
        if fields[0] == own_name:
            return float(fields[1])
    return None


class Comparison:
    def __init__(self, options):
        self.options = options
        self.peers = dict(self.parse_peer(text) for text in options.peer)
        self.peer_figures = {}  # by title and shared name; measured once, also where several of ours compare with it
        self.targets = read_targets()

    @staticmethod
    def parse_peer(text):
        title, equals, command = text.partition("=")
        if not equals or not command:
            stop(f"--peer needs 'TITLE=COMMAND', not '{text}'")
        return title, shlex.split(command)

    def names(self):
        listed = subprocess.run([self.options.ours, "--list", *self.options.names], stdout=subprocess.PIPE, text=True)
        if listed.returncode != 0:
            stop(f"{self.options.ours} --list failed")
        for name in listed.stdout.splitlines():
            yield name
            if name + ONE_CORE in self.targets:
                yield name + ONE_CORE

    def measure(self, name):
        """Ours and every peer's, in turn. Each is a median, or None."""
        ours, unit, theirs = [], "", {title: [] for title in self.peers}
        known = {title for title in self.peers if (title, shared_name(name)) in self.peer_figures}
        for _ in range(self.options.rounds):
            own = measure_ours(self.options.ours, name, self.options.runs)
            if own:
                ours.append(own[0])
                unit = own[1]
            for title, command in self.peers.items():
                if title not in known:
                    figure = measure_peer(command, name, self.options.runs)
                    if figure is None:
                        known.add(title)
                        self.peer_figures[title, shared_name(name)] = None
                    else:
                        theirs[title].append(figure)
        for title, figures in theirs.items():
            if figures:
                self.peer_figures[title, shared_name(name)] = statistics.median(figures)
        return statistics.median(ours) if ours else None, unit

    def peer(self, title, name):
        if title in self.peers and (title, name) not in self.peer_figures:
            figures = [measure_peer(self.peers[title], name, self.options.runs) for _ in range(self.options.rounds)]
            self.peer_figures[title, name] = None if None in figures else statistics.median(figures)
        return self.peer_figures.get((title, name))

    def best(self, name):
        return min((figure for title in self.peers if (figure := self.peer(title, name)) is not None), default=None)

    def limit(self, name):
        """The most that the target allows; None: there is none, or what it is a part of was not measured."""
        target = self.targets.get(name)
        if not target:
            return None
        if target["most"]:
            return float(target["most"])
        other = target["other"] or shared_name(name)
        theirs = self.best(other) if target["peer"] == "best" else self.peer(target["peer"], other)
        return None if theirs is None else float(target["factor"]) * theirs

    def row(self, name):
        ours, unit = self.measure(name)
        row = {"unit": unit, "quipu": ours}
        shared = shared_name(name)
        row.update((title, self.peer(title, shared)) for title in self.peers)
        tokio, best, limit = self.peer("Tokio", shared), self.best(shared), self.limit(name)
        row["of Tokio"] = ours / tokio if ours is not None and tokio else None
        row["of best"] = ours / best if ours is not None and best else None
        row["target"] = self.targets[name]["text"] if name in self.targets else None
        row["reached"] = None if limit is None or ours is None else ours <= limit
        return row


def cell(value, places):
    return "-" if value is None else f"{value:,.{places}f}"


def show_head(titles):
    print(f"{'':52}" + "".join(f"{title:>12}" for title in ["quipu", *titles]) + f"{'of Tokio':>10}{'of best':>9}  target")


def show(name, row, titles):
    figures = "".join(f"{cell(row[title], 1):>12}" for title in ["quipu", *titles])
    verdict = {None: "", True: "reached: ", False: "not reached: "}[row["reached"]] + (row["target"] or "")
    print(f"{name:52}{figures}{cell(row['of Tokio'], 2):>10}{cell(row['of best'], 2):>9}  {verdict}".rstrip(), flush=True)


def main():
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="TITLE=COMMAND")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.rounds < 1 or options.runs < 1:
        stop("--rounds and --runs need a number above 0")
    comparison = Comparison(options)
    rows = {}
    show_head(comparison.peers)
    for name in comparison.names():
        rows[name] = comparison.row(name)
        show(name, rows[name], comparison.peers)
    judged = [row["reached"] for row in rows.values() if row["reached"] is not None]
    if judged:
        print(f"\n{sum(judged)} of {len(judged)} targets reached (nanoseconds, unless the benchmark says otherwise)")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
