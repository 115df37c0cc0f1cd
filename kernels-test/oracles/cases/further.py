"""Creation and the rest that the other cases leave out, and further shapes for what they try on few."""

from draw import away_from_zero, booleans, choice, distinct, integers, normal, uniform
from fixture import Fixture

# A scalar, a single element, more than a workgroup, and a rank of 4.
SHAPES = [(), (1, 1), (65,), (2, 3, 1, 4)]

UNARY = [
    ("neg", normal),
    ("abs", away_from_zero),
    ("exp", normal),
    ("log", lambda *shape: uniform(0.05, 5, *shape)),
    ("log1p", lambda *shape: uniform(-0.9, 5, *shape)),
    ("expm1", normal),
    ("sqrt", lambda *shape: uniform(0.05, 5, *shape)),
    ("rsqrt", lambda *shape: uniform(0.05, 5, *shape)),
    ("square", normal),
    ("reciprocal", away_from_zero),
    ("sin", lambda *shape: uniform(-3, 3, *shape)),
    ("cos", lambda *shape: uniform(-3, 3, *shape)),
    ("sigmoid", normal),
    ("relu", away_from_zero),
    ("silu", normal),
    ("softplus", normal),
    ("erf", normal),
    ("floor", lambda *shape: normal(*shape, scale=3)),
    ("ceil", lambda *shape: normal(*shape, scale=3)),
    ("round", lambda *shape: normal(*shape, scale=3)),
    ("sign", away_from_zero),
]

POOLED = {
    1: [((1, 1, 4), 2), ((5, 3), 3), ((2, 2, 17), 5)],
    2: [((1, 1, 4, 3), [2, 3]), ((3, 5, 2), [1, 2]), ((2, 2, 3, 11), [3, 4])],
    3: [((1, 1, 2, 4, 3), [2, 2, 3]), ((2, 3, 5, 2), [1, 2, 2]), ((1, 2, 3, 3, 7), [2, 3, 4])],
}


def name_of(shape):
    return "x".join(map(str, shape)) or "scalar"


def pointwise(fixture):
    for op, draw in UNARY:
        for shape in SHAPES:
            fixture.case(f"{op}_further_{name_of(shape)}", op, [draw(*shape)])
    for shape in SHAPES:
        label = f"further_{name_of(shape)}"
        fixture.case(f"gelu_{label}", "gelu", [normal(*shape)], {"approximate": "none"})
        fixture.case(f"lerp_{label}", "lerp", [normal(*shape), normal(*shape)], {"t": 0.3})
        weights = [normal(*shape), normal(*shape), normal(*shape)]
        fixture.case(f"lerp_weights_{label}", "lerp", weights)
        flags = [booleans(0.5, *shape), booleans(0.5, *shape)]
        fixture.case(f"logicalAnd_{label}", "logicalAnd", flags, gradients=False)
        fixture.case(f"logicalOr_{label}", "logicalOr", flags, gradients=False)
        for op in ("maximum", "minimum"):
            fixture.case(f"{op}_{label}", op, weights[:2])
        fixture.case(f"where_{label}", "where", [flags[0], *weights[:2]])
        fixture.case(f"logicalNot_{label}", "logicalNot", flags[:1], gradients=False)


def reductions(fixture):
    for shape, dims in [((1, 1), [0]), ((65, 2), [0]), ((2, 3, 1, 4), [1, 3])]:
        for op in ("any", "all"):
            inputs = [booleans(0.6, *shape)]
            name = f"{op}_further_{name_of(shape)}"
            fixture.case(name, op, inputs, {"dim": dims}, gradients=False)


def shapes(fixture):
    def case(op, label, size, **attrs):
        fixture.case(f"{op}_further_{label}", op, [normal(*size)], attrs)

    for op in ("clone", "contiguous", "squeezeAll", "atleast1d", "atleast2d", "atleast3d"):
        for shape in SHAPES:
            case(op, name_of(shape), shape)
    for label, shape, to in [
        ("scalar", (), [2, 1]),
        ("rank", (3, 1), [2, 3, 4]),
        ("single", (1, 1, 1), [2, 2, 65]),
    ]:
        case("expand", label, shape, shape=to)
    for label, shape, dims in [("2", (3, 5), [1, 0]), ("3", (2, 3, 1), [2, 0, 1]), ("1", (4,), [0])]:
        case("permute", label, shape, dims=dims)
    for label, shape, a, b in [("2", (3, 5), 0, 1), ("4", (2, 3, 1, 4), 1, -1), ("1", (1, 1), 0, 0)]:
        case("transpose", label, shape, dim0=a, dim1=b)
    for label, shape, dim in [("front", (1, 5), 0), ("stays", (3, 2), 1), ("middle", (2, 1, 3), -2)]:
        case("squeeze", label, shape, dim=dim)
    for label, shape, dim in [("front", (5,), 0), ("middle", (3, 2), 1), ("scalar", (), -1)]:
        case("unsqueeze", label, shape, dim=dim)
    for label, shape, to in [("scalar", (), [1, 1]), ("flat", (2, 3, 4), [24]), ("1", (1, 7), [7, 1])]:
        case("reshape", label, shape, shape=to)
    for label, shape, start, end in [("all", (2, 3, 4), 0, -1), ("last", (2, 1, 3, 2), 1, 3), ("1", (5,), 0, 0)]:
        case("flatten", label, shape, start=start, end=end)
    for label, shape, dim, start, length in [
        ("vector", (9,), 0, 2, 4),
        ("rows", (4, 3), 0, 3, 1),
        ("middle", (2, 5, 3), -2, 0, 5),
    ]:
        case("narrow", label, shape, dim=dim, start=start, length=length)
    for label, shape, dim, index in [("vector", (9,), 0, -1), ("rows", (4, 3), 1, 2), ("middle", (2, 5, 3), 1, 0)]:
        case("select", label, shape, dim=dim, index=index)
    for label, shape, attrs in [
        ("vector", (9,), {"dim": 0, "start": 1, "end": 8, "step": 3}),
        ("middle", (2, 5, 3), {"dim": 1, "start": -2}),
    ]:
        case("slice", label, shape, **attrs)
    for shape, diagonal in [((1, 1), 0), ((2, 3, 4), 1), ((9, 2), -3)]:
        case("tril", name_of(shape), shape, diagonal=diagonal)
        case("triu", name_of(shape), shape, diagonal=diagonal)
    for label, shape, count, dim in [("vectors", (3,), 2, 0), ("scalars", (), 3, 0), ("deep", (2, 1, 3), 2, 2)]:
        fixture.case(f"stack_further_{label}", "stack", [normal(*shape)] * count, {"dim": dim})
    for n, r in [(3, 1), (6, 3), (7, 2)]:
        fixture.case(f"combinations_further_{n}", "combinations", [normal(n)], {"r": r})


def indices(fixture):
    for label, shape, dim, count in [("vector", (7,), 0, 9), ("rows", (5, 3), 0, 4), ("middle", (2, 4, 3), 1, 6)]:
        src = list(shape)
        src[dim] = count
        inputs = [normal(*shape), integers(0, shape[dim], count), normal(*src)]
        fixture.case(f"indexSelect_further_{label}", "indexSelect", inputs[:2], {"dim": dim})
        fixture.case(f"indexAdd_{label}", "indexAdd", inputs, {"dim": dim})
    for shape in [(7,), (3, 5), (2, 3, 2)]:
        label = name_of(shape)
        for down in (False, True):
            attrs = {"dim": 0, "descending": down}
            name = f"argsort_{label}_{'down' if down else 'up'}"
            fixture.case(name, "argsort", [choice([0, 1, -2], *shape)], attrs, gradients=False)
        fixture.case(f"mode_further_{label}", "mode", [distinct(*shape)], {"dim": 0})
        inputs = [integers(0, 4, *shape)]
        fixture.case(f"oneHot_{label}", "oneHot", inputs, {"classes": 5}, gradients=False)


def creation(fixture):
    def case(op, label, **attrs):
        fixture.case(f"{op}_{label}", op, [], attrs, gradients=False)

    for label, start, end, step in [("up", 0.5, 4, 0.75), ("down", 3, -3, -0.5), ("one", 0, 1, 2.5)]:
        case("arange", label, start=start, end=end, step=step)
    for label, start, end, step in [("up", 2, 11, 3), ("down", 3, -130, -2), ("none", 3, 3, 1)]:
        case("arangeWhole", label, start=start, end=end, step=step)
    for n, m in [(2, 1), (3, 5), (9, 8)]:
        case("eye", f"{n}x{m}", n=n, m=m)
        for op in ("trilIndices", "triuIndices"):
            case(op, f"{n}x{m}", rows=n, columns=m, offset=n - m)
    for shape in SHAPES:
        for value in (0, 1, -2.5):
            case("full", f"{name_of(shape)}_{value}", shape=list(shape), value=float(value))
    for steps in (1, 2, 67):
        case("linspace", str(steps), start=-1.5, end=2, steps=steps)
        case("logspace", str(steps), start=-1.5, end=2, steps=steps, base=2)
    for n in (1, 8, 11):
        case("fftfreq", str(n), n=n, d=0.5)
        case("rfftfreq", str(n), n=n, d=0.5)


def pools(fixture):
    for dims, cases in POOLED.items():
        for i, (shape, size) in enumerate(cases):
            for kind, draw in (("Avg", normal), ("Max", distinct)):
                op = f"adaptive{kind}Pool{dims}d"
                fixture.case(f"{op}_further_{i}", op, [draw(*shape)], {"outputSize": size})
                op = f"{kind.lower()}Pool{dims}d"
                attrs = {"kernelSize": 2, "stride": 1}
                fixture.case(f"{op}_further_{i}", op, [draw(*shape)], attrs)
            if dims < 3:
                op = f"lpPool{dims}d"
                attrs = {"p": 2, "kernelSize": 2}
                inputs = [normal(*shape, offset=4, scale=0.5)]
                fixture.case(f"{op}_further_{i}", op, inputs, attrs)


def layers(fixture):
    for shape in [(1, 5), (7, 1), (2, 3, 4)]:
        label = f"further_{name_of(shape)}"
        attrs = {"reduction": "mean"}
        pair = [normal(*shape), normal(*shape)]
        fixture.case(f"mseLoss_{label}", "mseLoss", pair, attrs)
        pair = [normal(*shape), uniform(0, 1, *shape)]
        fixture.case(f"bceWithLogits_{label}", "bceWithLogits", pair, attrs, gradients=[0])
    for n, width in [(1, 3), (6, 2), (3, 65)]:
        label = f"further_{n}x{width}"
        rows = [normal(n, width), normal(n, width)]
        fixture.case(f"cosineSimilarity_{label}", "cosineSimilarity", rows)
        fixture.case(f"pairwiseDistance_{label}", "pairwiseDistance", rows)
        triple = [*rows, normal(n, width)]
        fixture.case(f"tripletMarginLoss_{label}", "tripletMarginLoss", triple)
        inputs = [*rows, choice([1, -1], n)]
        fixture.case(f"cosineEmbeddingLoss_{label}", "cosineEmbeddingLoss", inputs, gradients=[0, 1])
        inputs = [normal(n, width), integers(0, width, n)]
        fixture.case(f"nllLoss_{label}", "nllLoss", inputs)
    for label, shape, causal in [("one", (1, 1, 3, 1, 2), False), ("heads", (2, 5, 3, 2, 4), False), ("causal", (1, 9, 3, 3, 5), True)]:
        fixture.case(f"packedAttention_{label}", "packedAttention", [normal(*shape)], {"isCausal": causal})


def spectral(fixture):
    for norm in ("backward", "ortho", "forward"):
        for type in (2, 3):
            for shape in [(8,), (2, 7), (3, 2, 4)]:
                name = f"idct_{type}_{norm}_{name_of(shape)}"
                fixture.case(name, "idct", [normal(*shape)], {"type": type, "norm": norm})
    for op in ("fftn", "ifftn"):
        for shape in [(9,), (2, 2, 2, 3)]:
            fixture.case(f"{op}_further_{name_of(shape)}", op, [normal(*shape)] * 2)
    for op in ("fftshift", "ifftshift"):
        for shape in [(1,), (2, 3, 4)]:
            fixture.case(f"{op}_further_{name_of(shape)}", op, [normal(*shape)])
    for shape, dim in [((1, 5), 0), ((2, 3, 4), -1)]:
        label = f"further_{name_of(shape)}"
        fixture.case(f"movedim_{label}", "movedim", [normal(*shape)], {"source": dim, "target": 1})


def make():
    fixture = Fixture("further")
    pointwise(fixture)
    reductions(fixture)
    shapes(fixture)
    indices(fixture)
    creation(fixture)
    pools(fixture)
    layers(fixture)
    spectral(fixture)
    return fixture
