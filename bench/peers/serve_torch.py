"""PyTorch's end of bench/peers/peer.ts: the same requests as peers/serve.mjs, and `threads` among the options.

    /usr/bin/python3 bench/peers/serve_torch.py
"""

import json
import pathlib
import sys
import time

# The folders hold sources only.
sys.dont_write_bytecode = True

import torch

ORACLES = pathlib.Path(__file__).resolve().parents[2] / "kernels-test" / "oracles"
sys.path.insert(0, str(ORACLES))

from gpt_model import adamw, build, loss_of


def matmul(options):
    a, b = (torch.randn(options["size"], options["size"]) for _ in range(2))
    return lambda: a @ b


def gpt(options):
    model = build({**options, "tiedHead": True})
    training = {"betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.01}
    optimizer = adamw(model, training)
    for group in optimizer.param_groups:
        group["lr"] = 1e-3
    count = torch.arange(options["batch"] * options["context"])
    shape = (options["batch"], options["context"])
    tokens, target = (((count * 7 + i) % options["vocab"]).view(shape) for i in (0, 1))

    def step():
        loss = loss_of(model, tokens, target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


made = {}
for line in sys.stdin:
    request = json.loads(line)
    options = request["options"]
    torch.set_num_threads(options["threads"])
    key = json.dumps([request["task"], options])
    if key not in made:
        made[key] = {"matmul": matmul, "gpt": gpt}[request["task"]](options)
        made[key]()
    start = time.perf_counter()
    for _ in range(request["repeats"]):
        made[key]()
    ms = (time.perf_counter() - start) * 1000 / request["repeats"]
    print(json.dumps({"ms": ms}), flush=True)
