"""Scaled dot-product attention, and nn.MultiheadAttention with its packed projection."""

import numpy as np
import torch

from draw import booleans, integers, normal
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


def masks(fixture):
    op = "maskedAttention"
    for label, batch, heads, queries, keys, width, mask, causal in [
        ("bool_square", 2, 2, 5, 5, 4, booleans(0.7, 5, 5), False),
        ("bool_perBatch", 2, 3, 3, 11, 4, booleans(0.8, 2, 1, 1, 11), False),
        ("bool_causal", 1, 2, 7, 7, 8, booleans(0.9, 2, 7, 7), True),
        ("float_perHead", 2, 2, 6, 6, 4, normal(2, 6, 6), False),
        ("float_keys", 1, 2, 5, 9, 12, normal(9), False),
        ("float_causal", 2, 1, 5, 5, 3, normal(1, 1, 5, 5), True),
    ]:
        inputs = [
            normal(batch, heads, queries, width),
            normal(batch, heads, keys, width),
            normal(batch, heads, keys, width),
            seeing(mask) if label.startswith("bool") else mask,
        ]
        fixture.case(f"{op}_{label}", op, inputs, {"isCausal": causal})
    inputs = [normal(2, 4, 5)] * 3 + [normal(4, 4)]
    fixture.case(f"{op}_scale", op, inputs, {"scale": 0.25})


def seeing(mask):
    """The mask, with the first key visible to all: PyTorch gives NaN where nothing is."""

    def make(rng):
        drawn = mask(rng)
        drawn[..., 0] = True
        return drawn

    return make


def grouped_heads(fixture):
    op = "groupedAttention"
    for label, shape, key_shape, causal in [
        ("pairs", (2, 4, 5, 4), (2, 2, 7, 4), False),
        ("one", (1, 6, 6, 8), (1, 1, 6, 8), True),
        ("odd", (2, 3, 5, 3), (2, 1, 4, 3), False),
    ]:
        inputs = [normal(*shape), normal(*key_shape), normal(*key_shape)]
        fixture.case(f"{op}_{label}", op, inputs, {"isCausal": causal})


def rotary_embeddings(fixture):
    op = "rotaryEmbedding"
    fixture.case(f"{op}_halves", op, [normal(2, 3, 5, 8)], {})
    fixture.case(f"{op}_interleaved", op, [normal(2, 7, 6)], {"interleaved": True, "offset": 3})
    fixture.case(f"{op}_part", op, [normal(4, 10)], {"dims": 4, "base": 500.0, "offset": 1000})
    inputs = [normal(3, 2, 4), integers(0, 4096, 3, 2)]
    fixture.case(f"{op}_positions", op, inputs, {}, gradients=[0])
    inputs = [normal(2, 1, 66), integers(0, 1_000_000, 2, 1)]
    fixture.case(f"{op}_far", op, inputs, {"interleaved": True}, gradients=[0])


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
    masks(fixture)
    grouped_heads(fixture)
    rotary_embeddings(fixture)
    multihead(fixture, "causal", 16, 4, [(2, 7, 16)], True)
    multihead(fixture, "causal_oneHead", 6, 1, [(3, 5, 6)], True)
    multihead(fixture, "causal_noBias", 12, 3, [(2, 5, 12)], True, bias=False)
    multihead(fixture, "causal_sequenceFirst", 8, 2, [(5, 3, 8)], True, batchFirst=False)
    multihead(fixture, "full", 10, 2, [(1, 11, 10)], False)
    multihead(fixture, "cross", 8, 2, [(2, 3, 8), (2, 5, 8), (2, 5, 8)], False)
    return fixture
