"""Joining, splitting, padding, triangles, and views alone and in chains."""

from draw import integers, normal
from fixture import Fixture


def step(op, **attrs):
    return {"op": op, "attrs": attrs}


def joins(fixture):
    fixture.case("cat_dim0", "cat", [normal(2, 5), normal(3, 5), normal(1, 5)], {"dim": 0})
    fixture.case("cat_dim1", "cat", [normal(3, 2, 5), normal(3, 7, 5)], {"dim": 1})
    fixture.case("cat_last", "cat", [normal(3, 5), normal(3, 1)], {"dim": -1})
    fixture.case("cat_single", "cat", [normal(3, 5)], {"dim": 0})
    inputs = [integers(-9, 9, 3), integers(-9, 9, 4)]
    fixture.case("cat_i32", "cat", inputs, {"dim": 0})
    for dim in (0, 1, 2, -1):
        label = f"dim{dim}".replace("-", "minus")
        inputs = [normal(3, 5), normal(3, 5), normal(3, 5)]
        fixture.case(f"stack_{label}", "stack", inputs, {"dim": dim})
    fixture.case("stack_scalars", "stack", [normal(), normal()], {"dim": 0})
    fixture.case("split_even", "split", [normal(6, 5)], {"splitSize": 2, "dim": 0})
    fixture.case("split_rest", "split", [normal(3, 7)], {"splitSize": 3, "dim": 1})
    fixture.case("split_sizes", "split", [normal(2, 7, 3)], {"splitSize": [1, 4, 2], "dim": 1})
    fixture.case("split_qkv", "split", [normal(2, 3, 15)], {"splitSize": 5, "dim": -1})


def pads(fixture):
    fixture.case("pad_last", "pad", [normal(3, 5)], {"pad": [1, 2], "value": 0})
    fixture.case("pad_two", "pad", [normal(3, 5)], {"pad": [1, 0, 2, 3], "value": -1.5})
    fixture.case("pad_three", "pad", [normal(2, 3, 5)], {"pad": [0, 1, 1, 0, 2, 2], "value": 7})
    fixture.case("pad_none", "pad", [normal(3)], {"pad": [0, 0], "value": 1})
    fixture.case("pad_crop", "pad", [normal(7)], {"pad": [-2, 3], "value": 0})


def triangles(fixture):
    for op in ("tril", "triu"):
        for diagonal in (-2, 0, 1):
            label = str(diagonal).replace("-", "minus")
            fixture.case(f"{op}_diagonal{label}", op, [normal(5, 7)], {"diagonal": diagonal})
        fixture.case(f"{op}_batched", op, [normal(2, 3, 7, 5)], {"diagonal": 0})
        fixture.case(f"{op}_1x1", op, [normal(1, 1)], {"diagonal": -1})


def views(fixture):
    fixture.case("reshape", "reshape", [normal(3, 5, 7)], {"shape": [15, 7]})
    fixture.case("reshape_infer", "reshape", [normal(3, 5, 7)], {"shape": [7, -1]})
    fixture.case("reshape_scalar", "reshape", [normal(1, 1)], {"shape": []})
    fixture.case("permute", "permute", [normal(2, 3, 5, 7)], {"dims": [3, 1, 0, 2]})
    fixture.case("transpose", "transpose", [normal(3, 5, 7)], {"dim0": 0, "dim1": -1})
    fixture.case("expand", "expand", [normal(5, 1)], {"shape": [3, 5, 7]})
    fixture.case("expand_keep", "expand", [normal(1, 5)], {"shape": [4, -1]})
    fixture.case("squeeze", "squeeze", [normal(3, 1, 5)], {"dim": 1})
    fixture.case("unsqueeze", "unsqueeze", [normal(3, 5)], {"dim": -1})
    fixture.case("slice", "slice", [normal(5, 7)], {"dim": 1, "start": 2, "end": 6})
    fixture.case("slice_step", "slice", [normal(7, 5)], {"dim": 0, "start": 1, "end": 7, "step": 3})
    fixture.case("slice_negative", "slice", [normal(7, 5)], {"dim": 0, "start": -3, "end": -1})
    fixture.case("slice_open", "slice", [normal(7, 5)], {"dim": -1, "start": 3})


def chains(fixture):
    def chain(label, shape, *steps):
        fixture.case(f"chain_{label}", "chain", [normal(*shape)], {"steps": list(steps)})

    swap = step("transpose", dim0=0, dim1=1)
    twist = step("permute", dims=[2, 0, 1])
    reverse = step("permute", dims=[2, 1, 0])
    alternate = step("slice", dim=0, start=0, end=7, step=2)
    chain("permute_reshape", (3, 5, 7), twist, step("reshape", shape=[21, 5]))
    chain("reshape_permute_reshape", (2, 5, 12), step("reshape", shape=[2, 5, 3, 4]),
          step("permute", dims=[0, 2, 1, 3]), step("reshape", shape=[6, 20]))
    chain("slice_transpose", (5, 7), step("slice", dim=0, start=1, end=4), swap)
    chain("transpose_slice_exp", (5, 7), swap, alternate, step("exp"))
    chain("slice_slice", (13, 5), step("slice", dim=0, start=1, end=12, step=2),
          step("slice", dim=0, start=1, end=5, step=3))
    chain("expand_permute", (5, 1), step("expand", shape=[3, 5, 7]), reverse)
    chain("expand_sum", (1, 7), step("expand", shape=[5, 7]), step("sum", dim=[1]))
    chain("expand_reshape", (5, 1), step("expand", shape=[5, 3]), step("reshape", shape=[15]))
    chain("transpose_tril_sum", (5, 7), swap, step("tril", diagonal=1), step("sum", dim=[0]))
    chain("transpose_cumsum", (5, 7), swap, step("cumsum", dim=0))
    chain("transpose_softmax", (5, 7), swap, step("softmax", dim=1))
    chain("slice_pad", (5, 7), step("slice", dim=1, start=2, end=5), step("pad", pad=[2, 2]))


def make():
    fixture = Fixture("shape")
    joins(fixture)
    pads(fixture)
    triangles(fixture)
    views(fixture)
    chains(fixture)
    return fixture
