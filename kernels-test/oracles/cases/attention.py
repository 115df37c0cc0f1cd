"""Scaled dot-product attention, and nn.MultiheadAttention with its packed projection."""

import numpy as np
import torch

from draw import normal
from fixture import Fixture, generator_of, promote

# Label, batch, heads, query length, key length, head width, causal.
ATTENTION = [
    ("causal_1x1x1x1", 1, 1, 1, 1, 1, True),
    ("causal_2x2x8x4", 2, 2, 8, 8, 4, True),
    ("causal_1x3x13x5", 1, 3, 13, 13, 5, True),
    ("causal_1x1x37x16", 1, 1, 37, 37, 16, True),
    ("causal_1x1x67x8", 1, 1, 67, 67, 8, True),
    ("causal_moreQueries", 2, 1, 7, 4, 3, True),
    ("causal_moreKeys", 1, 2, 3, 11, 4, True),
    ("full_2x2x8x4", 2, 2, 8, 8, 4, False),
    ("full_cross", 2, 3, 5, 11, 7, False),
    ("full_oneQuery", 1, 2, 1, 35, 8, False),
]


def scaled_dot_products(fixture):
    op = "scaledDotProductAttention"
    for label, batch, heads, queries, keys, width, causal in ATTENTION:
        inputs = [
            normal(batch, heads, queries, width),
            normal(batch, heads, keys, width),
            normal(batch, heads, keys, width),
        ]
        fixture.case(f"{op}_{label}", op, inputs, {"isCausal": causal})
    inputs = [normal(1, 2, 5, 3)] * 3
    fixture.case(f"{op}_scale", op, inputs, {"isCausal": True, "scale": 0.25})
    inputs = [normal(5, 3)] * 3
    fixture.case(f"{op}_unbatched", op, inputs, {"isCausal": True})
    # The value rows may be wider than the query and key rows.
    inputs = [normal(1, 1, 5, 3), normal(1, 1, 5, 3), normal(1, 1, 5, 7)]
    fixture.case(f"{op}_wideValue", op, inputs, {"isCausal": True})
    # Scores of several hundred: a soft maximum that is not shifted overflows.
    inputs = [normal(1, 2, 9, 4, scale=20), normal(1, 2, 9, 4, scale=20), normal(1, 2, 9, 4)]
    fixture.case(f"{op}_extreme", op, inputs, {"isCausal": True})


def multihead(fixture, label, width, heads, shapes, causal, bias=True, batchFirst=True):
    """One input is self-attention; three are query, key and value.

    Stored besides in*, out0, ct0, grad*: param/<key> and gradParam/<key>, keys as in state_dict().
    """
    name = f"multiheadAttention_{label}"
    fixture.describe(
        name,
        "multiheadAttention",
        {
            "embedDim": width,
            "numHeads": heads,
            "bias": bias,
            "batchFirst": batchFirst,
            "isCausal": causal,
        },
    )
    rng = generator_of(name)
    module = torch.nn.MultiheadAttention(width, heads, bias=bias, batch_first=batchFirst).double()
    leaves = {}
    for key, parameter in module.named_parameters():
        start = rng.standard_normal(parameter.shape, dtype=np.float32) * np.float32(0.4)
        with torch.no_grad():
            parameter.copy_(promote(start))
        fixture.add(f"{name}/param/{key}", start)
        leaves[f"gradParam/{key}"] = parameter
    inputs = []
    for i, shape in enumerate(shapes):
        array = normal(*shape)(rng)
        fixture.add(f"{name}/in{i}", array)
        inputs.append(promote(array).requires_grad_())
        leaves[f"grad{i}"] = inputs[i]
    query, key, value = inputs * 3 if len(inputs) == 1 else inputs
    time = 1 if batchFirst else 0
    mask = None
    if causal:
        mask = ~torch.ones(query.shape[time], key.shape[time], dtype=torch.bool).tril()
    output, _ = module(query, key, value, need_weights=False, attn_mask=mask)
    fixture.add(f"{name}/out0", output)
    fixture.add_gradients(name, [output], leaves, rng)


def make():
    fixture = Fixture("attention")
    scaled_dot_products(fixture)
    multihead(fixture, "causal", 16, 4, [(2, 7, 16)], True)
    multihead(fixture, "causal_oneHead", 6, 1, [(3, 5, 6)], True)
    multihead(fixture, "causal_noBias", 12, 3, [(2, 5, 12)], True, bias=False)
    multihead(fixture, "causal_sequenceFirst", 8, 2, [(5, 3, 8)], True, batchFirst=False)
    multihead(fixture, "full", 10, 2, [(1, 11, 10)], False)
    multihead(fixture, "cross", 8, 2, [(2, 3, 8), (2, 5, 8), (2, 5, 8)], False)
    return fixture
