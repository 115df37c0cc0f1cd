"""Joining, splitting, padding, triangles, rearranging, windows, and views alone and in chains."""

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


def rearranged(fixture):
    def cases(op, *given):
        for i, (shape, attrs) in enumerate(given):
            fixture.case(f"{op}_{i}", op, [normal(*shape)], attrs)

    cases("flip", ((65,), {"dims": [0]}), ((3, 5), {"dims": [0, 1]}), ((2, 3, 4), {"dims": [-1, 0]}))
    cases("fliplr", ((3, 5), {}), ((2, 4, 3), {}), ((1, 1), {}))
    cases("flipud", ((5,), {}), ((3, 5), {}), ((2, 1, 3), {}))
    cases("rot90", ((3, 5), {}), ((3, 5), {"k": 2}), ((2, 3, 4), {"k": -1, "dims": [2, 1]}),
          ((2, 3), {"k": 4}), ((2, 3), {"k": 3, "dims": [1, 0]}))
    cases("roll", ((7,), {"shifts": 3, "dims": 0}), ((3, 5), {"shifts": -8}),
          ((2, 3, 4), {"shifts": [1, -2], "dims": [0, -1]}), ((5,), {"shifts": 5, "dims": 0}))
    cases("repeat", ((3,), {"counts": [2]}), ((2, 3), {"counts": [2, 1, 3]}),
          ((2, 1, 3), {"counts": [1, 4, 2]}), ((1, 2, 1, 2, 1, 2), {"counts": [2, 2, 1, 2, 1, 2]}))
    cases("tile", ((2, 3), {"counts": [2]}), ((3,), {"counts": [2, 2]}), ((), {"counts": [3]}))
    cases("repeatInterleave", ((3,), {"count": 2}), ((2, 3), {"count": 3, "dim": 1}),
          ((2, 3, 2), {"count": 2, "dim": 0}), ((2, 3), {"count": 2}))
    cases("movedim", ((2, 3, 4), {"source": 0, "target": -1}),
          ((2, 3, 4), {"source": [2, 0], "target": [0, 1]}),
          ((2, 3, 4, 5), {"source": [1, 3], "target": [-1, 0]}))
    cases("unflatten", ((6,), {"dim": 0, "sizes": [2, 3]}), ((2, 6), {"dim": -1, "sizes": [3, -1]}),
          ((4, 5), {"dim": 0, "sizes": [2, 1, 2]}))
    cases("chunk", ((7, 2), {"chunks": 3}), ((2, 5), {"chunks": 4, "dim": 1}), ((3,), {"chunks": 1}))
    cases("tensorSplit", ((7, 2), {"where": 3}), ((2, 5), {"where": [1, 3], "dim": 1}),
          ((3,), {"where": 5}), ((6,), {"where": [4, 2, -1]}))
    cases("unbind", ((3, 2), {}), ((2, 3), {"dim": -1}), ((2, 3, 4), {"dim": 1}))


def more_joins(fixture):
    def cases(op, *given):
        for i, shapes in enumerate(given):
            fixture.case(f"{op}_{i}", op, [normal(*shape) for shape in shapes])

    cases("hstack", [(3,), (2,)], [(3, 2), (3, 1)], [(2, 1, 3), (2, 4, 3)], [(), ()])
    cases("vstack", [(3,), (3,)], [(3, 2), (1, 2)], [(2,), (4, 2)])
    cases("dstack", [(3,), (3,)], [(3, 2), (3, 2)], [(2, 1, 3), (2, 1, 1)])
    cases("columnStack", [(3,), (3,)], [(3, 2), (3,)], [(), ()])
    cases("blockDiag", [(2, 3), (1, 1)], [(3,), (), (2, 2)], [(4, 1)])
    cases("broadcastTensors", [(3, 1), (4,)], [(), (2, 3)], [(2, 1, 3), (4, 1), (1,)])
    cases("cartesianProd", [(3,), (2,)], [(4,)], [(2,), (1,), (3,)])
    for indexing in ("ij", "xy"):
        for i, shapes in enumerate([[(3,), (4,)], [(2,), (3,), (2,)], [(3,)]]):
            inputs = [normal(*shape) for shape in shapes]
            fixture.case(f"meshgrid_{indexing}_{i}", "meshgrid", inputs, {"indexing": indexing})
    fixture.case("combinations_2", "combinations", [normal(5)])
    fixture.case("combinations_3", "combinations", [normal(5)], {"r": 3})
    attrs = {"r": 2, "withReplacement": True}
    fixture.case("combinations_again", "combinations", [normal(4)], attrs)
    fixture.case("vander", "vander", [normal(4)])
    fixture.case("vander_increasing", "vander", [normal(5)], {"count": 3, "increasing": True})
    fixture.case("vander_one", "vander", [normal(3)], {"count": 1})


def diagonals(fixture):
    fixture.case("diag_matrix", "diag", [normal(3, 5)], {"diagonal": 1})
    fixture.case("diag_vector", "diag", [normal(4)], {"diagonal": -2})
    fixture.case("diag_main", "diag", [normal(4, 4)], {"diagonal": 0})
    fixture.case("diagonal", "diagonal", [normal(4, 5)])
    attrs = {"offset": -1, "dim1": 2, "dim2": 0}
    fixture.case("diagonal_turned", "diagonal", [normal(3, 2, 4)], attrs)
    fixture.case("diagonal_outside", "diagonal", [normal(2, 3)], {"offset": 3})
    fixture.case("diagEmbed", "diagEmbed", [normal(4)])
    fixture.case("diagEmbed_batch", "diagEmbed", [normal(2, 3)], {"offset": 1})
    attrs = {"offset": -1, "dim1": 2, "dim2": 0}
    fixture.case("diagEmbed_turned", "diagEmbed", [normal(3, 2)], attrs)


def windows(fixture):
    fixture.case("unfold", "unfold", [normal(9)], {"dim": 0, "size": 3, "step": 1})
    fixture.case("unfold_steps", "unfold", [normal(3, 10)], {"dim": 1, "size": 4, "step": 3})
    fixture.case("unfold_outer", "unfold", [normal(5, 2, 3)], {"dim": 0, "size": 2, "step": 1})
    fixture.case("unfold_whole", "unfold", [normal(2, 5)], {"dim": -1, "size": 5, "step": 7})
    for label, shape, attrs in [
        ("3x3", (2, 2, 5, 6), {"kernelSize": 3}),
        ("pad", (1, 2, 4, 4), {"kernelSize": [2, 3], "padding": [1, 0]}),
        ("all", (2, 1, 7, 8), {"kernelSize": 2, "padding": 1, "stride": [2, 3], "dilation": 2}),
        ("single", (2, 4, 5), {"kernelSize": [4, 2], "dilation": [1, 3]}),
    ]:
        fixture.case(f"imageUnfold_{label}", "imageUnfold", [normal(*shape)], attrs)
    for label, shape, attrs in [
        ("3x3", (2, 18, 12), {"outputSize": [5, 6], "kernelSize": 3}),
        ("all", (2, 4, 12), {"outputSize": [7, 8], "kernelSize": 2, "padding": 1,
                             "stride": [2, 3], "dilation": 2}),
        ("single", (8, 4), {"outputSize": [4, 4], "kernelSize": 2, "stride": 2}),
        ("apart", (1, 1, 4), {"outputSize": 3, "kernelSize": 1, "stride": 2}),
    ]:
        fixture.case(f"imageFold_{label}", "imageFold", [normal(*shape)], attrs)
    for mode in ("reflect", "replicate", "circular"):
        for i, (shape, pad) in enumerate([
            ((2, 5), [2, 1]),
            ((2, 4, 5), [1, 0, 2, 3]),
            ((1, 3, 3, 4), [1, 2, 0, 1, 2, 1]),
        ]):
            fixture.case(f"pad_{mode}_{i}", "padMode", [normal(*shape)], {"pad": pad, "mode": mode})


def make():
    fixture = Fixture("shape")
    joins(fixture)
    pads(fixture)
    triangles(fixture)
    views(fixture)
    chains(fixture)
    rearranged(fixture)
    more_joins(fixture)
    diagonals(fixture)
    windows(fixture)
    return fixture
