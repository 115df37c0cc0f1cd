"""A Python engine's end of bench/frame/engine.ts: the requests that peers/serve.mjs answers."""

import json
import os
import re
import resource
import sys
import time


def resident_bytes():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\s*(\d+) kB", status.read())[1]) * 1024


def milliseconds(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


def sample(run, least, seconds):
    """Milliseconds of a run; a sample is the mean of as many runs as last 10 ms."""
    count = 1
    while True:
        took = milliseconds(lambda: [run() for _ in range(count)])
        if took >= 10:
            break
        count = max(count + 1, int(count * 12 / max(took, 0.01)))
    samples = [took / count]
    until = time.perf_counter() + seconds - took / 1000
    while len(samples) < least or time.perf_counter() < until:
        samples.append(milliseconds(lambda: [run() for _ in range(count)]) / count)
    return samples


def serve(about, tasks):
    """`tasks` make a function that runs once, or an object with `run` and methods to call by name."""
    answers = os.fdopen(3, "w")
    linux = sys.platform == "linux"
    started = resident_bytes() if linux else None
    made = {}

    def run_of(key):
        return made[key] if callable(made[key]) else made[key].run

    def answer(request, key=None, task=None, options=None, samples=1, seconds=0, method="", args=()):
        if request == "about":
            return about
        if request == "make":
            if task not in tasks:
                return {"unknown": True}
            made[key] = tasks[task](options)
            return {}
        if request == "first":
            return {"ms": milliseconds(run_of(key))}
        if request == "sample":
            return {"samples": sample(run_of(key), samples, seconds)}
        if request == "call":
            return {"value": getattr(made[key], method)(*args)}
        if request == "drop":
            made.pop(key, None)
            return {}
        if request == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            return {"resident": peak - started if linux else None}
        return {"error": f"unknown request {request}"}

    for line in sys.stdin:
        try:
            reply = answer(**json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
