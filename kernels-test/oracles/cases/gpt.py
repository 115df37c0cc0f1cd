"""A tiny GPT, with and without a tied head: logits, loss, gradients and 20 AdamW steps.

Tensors: batches/input, batches/target [5, 3, 8]; and for each of `untied` and `tied`:
  init/<key>   initial weights                 grad/<key>   gradients of batch 0's loss, unclipped
  logits       of batch 0 [3, 8, 11]           loss         of batch 0
  losses [20]  before each step's update       gradNorms [20]  before clipping
  final/<key>  weights after 20 steps
The tied variant has no lm_head.weight: it is transformer.wte.weight.
"""

import numpy as np
import torch

from fixture import Fixture, generator_of, promote
from gpt_model import adamw, build, loss_of

CONFIG = {
    "vocab": 11,
    "context": 8,
    "layers": 2,
    "heads": 2,
    "width": 16,
    "batch": 3,
    "batches": 5,
    "steps": 20,
    "lr": 1e-2,
    "betas": [0.9, 0.95],
    "eps": 1e-8,
    "weightDecay": 0.1,
    "clipGradNorm": 1.0,
}


def initial(key, shape):
    """Larger than nanoGPT's 0.02, so that no layer is nearly linear and no gradient nearly 0."""
    draw = generator_of(f"gpt/{key}").standard_normal(shape, dtype=np.float32)
    if ".ln_" in key and key.endswith("weight"):
        return np.float32(1) + np.float32(0.1) * draw
    return np.float32(0.1 if key.endswith("bias") else 0.25) * draw


def trajectory(model, inputs, targets):
    """Trains in place; returns the losses and gradient norms of the steps."""
    optimizer = adamw(model, CONFIG)
    losses = []
    norms = []
    for step in range(CONFIG["steps"]):
        batch = step % CONFIG["batches"]
        loss = loss_of(model, inputs[batch], targets[batch])
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CONFIG["clipGradNorm"])
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return np.array(losses), np.array(norms)


def make():
    fixture = Fixture("gpt")
    rng = generator_of("gpt/batches")
    shape = (CONFIG["batches"], CONFIG["batch"], CONFIG["context"] + 1)
    tokens = rng.integers(0, CONFIG["vocab"], shape).astype(np.int32)
    fixture.add("batches/input", tokens[..., :-1].copy())
    fixture.add("batches/target", tokens[..., 1:].copy())
    inputs = promote(tokens[..., :-1].copy())
    targets = promote(tokens[..., 1:].copy())
    for variant in ("untied", "tied"):
        fixture.describe(variant, "gpt", {**CONFIG, "tiedHead": variant == "tied"})
        model = build({**CONFIG, "tiedHead": variant == "tied"}).double()
        for key, parameter in model.named_parameters():
            start = initial(key, tuple(parameter.shape))
            fixture.add(f"{variant}/init/{key}", start)
            with torch.no_grad():
                parameter.copy_(promote(start))
        fixture.add(f"{variant}/logits", model(inputs[0]))
        loss = loss_of(model, inputs[0], targets[0])
        fixture.add(f"{variant}/loss", loss)
        keys, parameters = zip(*model.named_parameters())
        for key, gradient in zip(keys, torch.autograd.grad(loss, parameters)):
            fixture.add(f"{variant}/grad/{key}", gradient)
        losses, norms = trajectory(model, inputs, targets)
        fixture.add(f"{variant}/losses", losses)
        fixture.add(f"{variant}/gradNorms", norms)
        for key, parameter in model.named_parameters():
            fixture.add(f"{variant}/final/{key}", parameter)
    return fixture
