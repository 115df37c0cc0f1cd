"""Trains nanoGPT's model in PyTorch (f32, 2 threads) from given weights and batches.

    /usr/bin/python3 bench/peers/gpt_torch.py DIR

DIR holds
  config.json          vocab, context, layers, heads, width, batch, steps, lrs (one learning rate
                       per step), betas, eps, weightDecay, clipGradNorm (0 or null: none), tiedHead
  init.safetensors     weights under nanoGPT's names; a tied model needs no lm_head.weight
  batches.safetensors  input and target, i32 [steps, batch, context]
Prints one JSON line per step: {"step": i, "loss": x}, i from 0, x before the step's update.
"""

import json
import pathlib
import sys

# The folders hold sources only.
sys.dont_write_bytecode = True

import torch

# The model and the file format are those of the oracle fixtures.
ORACLES = pathlib.Path(__file__).resolve().parents[2] / "kernels-test" / "oracles"
sys.path.insert(0, str(ORACLES))

import safetensors_io
from gpt_model import adamw, build, loss_of


def load_weights(model, weights):
    """Copies the weights into the model: every parameter, in its shape, and no other."""
    parameters = dict(model.named_parameters())
    tied = {"lm_head.weight"} - parameters.keys()
    missing = parameters.keys() - weights.keys()
    unknown = weights.keys() - parameters.keys() - tied
    if missing or unknown:
        sys.exit(f"init.safetensors: missing {sorted(missing)}, unknown {sorted(unknown)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != weights[name].shape:
                sys.exit(
                    f"init.safetensors: {name} is {list(weights[name].shape)}, "
                    f"the configuration asks for {list(parameter.shape)}"
                )
            parameter.copy_(torch.from_numpy(weights[name]))


def load_batches(tensors, config):
    """input and target as i64 [steps, batch, context]."""
    shape = (config["steps"], config["batch"], config["context"])
    for name in ("input", "target"):
        if tensors[name].shape != shape:
            sys.exit(f"batches.safetensors: {name} is {tensors[name].shape}, not {shape}")
    return (torch.from_numpy(tensors[name]).long() for name in ("input", "target"))


def main(folder):
    torch.set_num_threads(2)
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    if len(config["lrs"]) != config["steps"]:
        sys.exit(f"config.json: {len(config['lrs'])} lrs for {config['steps']} steps")
    model = build(config)
    load_weights(model, safetensors_io.read(folder / "init.safetensors")[0])
    inputs, targets = load_batches(
        safetensors_io.read(folder / "batches.safetensors")[0], config
    )
    optimizer = adamw(model, config)
    for step, lr in enumerate(config["lrs"]):
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = loss_of(model, inputs[step], targets[step])
        optimizer.zero_grad()
        loss.backward()
        if config["clipGradNorm"]:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["clipGradNorm"])
        optimizer.step()
        print(json.dumps({"step": step, "loss": loss.item()}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DIR")
    main(sys.argv[1])
