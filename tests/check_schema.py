#!/usr/bin/env python3
"""Validates traces against traces/schema.json with a validator that is not ours.

    check_schema.py SOURCE_DIR QUIPU WORK_DIR

Writes a trace of every scenario, one of each with a cancellation, and validates every line that differs from those
before it in more than its numbers and texts. Then changes lines so that they are wrong: each must be refused.
Exit status 77: python3-jsonschema (or a version of it that knows draft 2020-12) is not installed.
"""
import copy
import json
import os
import shutil
import subprocess
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("skipped: python3-jsonschema with draft 2020-12 is not installed")
    sys.exit(77)


def shape(value):
    """What a value is, without which number or text it is."""
    if isinstance(value, dict):
        return tuple((key, value[key] if key in ("event", "quipu", "version") else shape(value[key])) for key in value)
    if isinstance(value, list):
        return ("list", tuple(sorted({shape(item) for item in value}, key=repr)))
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return "negative" if value < 0 else "large" if value > 2**53 - 1 else "number"
    return "digits" if value.isdigit() else "text"


def write_traces(quipu, folder, arguments):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    done = subprocess.run([quipu, "run", "--all", "--out", folder, "--quiet"] + arguments, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit("the traces could not be written")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def wrong_versions(line):
    """Lines that are like this one, and wrong."""
    for key in line:
        without = copy.deepcopy(line)
        del without[key]
        if key not in ("task", "object", "future", "op", "at", "expect", "main", "name", "text", "print", "message",
                       "kind", "sentence"):
            yield f"without {key}", without
        other = copy.deepcopy(line)
        other[key] = None
        yield f"{key} null", other
    more = copy.deepcopy(line)
    more["surplus"] = 1
    yield "a key more", more


def main():
    source, quipu, work = sys.argv[1:4]
    with open(os.path.join(source, "traces", "schema.json")) as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    files = write_traces(quipu, os.path.join(work, "plain"), [])
    files += write_traces(quipu, os.path.join(work, "cancelled"), ["--cancel", "2"])
    seen, lines, refused = {}, 0, 0
    for name in files:
        with open(name) as file:
            for number, text in enumerate(file, 1):
                lines += 1
                line = json.loads(text)
                if shape(line) in seen:
                    continue
                seen[shape(line)] = line
                errors = list(validator.iter_errors(line))
                if errors:
                    sys.exit(f"{name}:{number}: {errors[0].message}\n{text}")
    kinds = {}
    for line in seen.values():
        kinds.setdefault(line.get("event", next(iter(line))), line)
    for kind, line in kinds.items():
        for what, wrong in wrong_versions(line):
            refused += 1
            if validator.is_valid(wrong):
                sys.exit(f"the schema lets this pass, {what}: {json.dumps(wrong)}")
    shutil.rmtree(work, ignore_errors=True)
    print(f"{len(files)} traces, {lines} lines, {len(seen)} of different shape, all valid; "
          f"{refused} wrong ones of {len(kinds)} kinds refused")


main()
