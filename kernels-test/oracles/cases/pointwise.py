"""Pointwise operations: every function on its domain, broadcasting, integers, extreme arguments."""

import numpy as np

from draw import away_from_zero, booleans, choice, distinct, integers, normal, uniform, values
from fixture import Fixture

# Operation, inputs on which it is smooth.
UNARY = [
    ("neg", normal(5, 7)),
    ("abs", away_from_zero(5, 7)),
    ("exp", normal(5, 7)),
    ("log", uniform(0.05, 5, 5, 7)),
    ("log1p", uniform(-0.9, 5, 5, 7)),
    ("expm1", normal(5, 7)),
    ("sqrt", uniform(0.05, 5, 5, 7)),
    ("rsqrt", uniform(0.05, 5, 5, 7)),
    ("square", normal(5, 7)),
    ("reciprocal", away_from_zero(5, 7)),
    ("sin", uniform(-3, 3, 5, 7)),
    ("cos", uniform(-3, 3, 5, 7)),
    ("tanh", normal(5, 7)),
    ("sigmoid", normal(5, 7, scale=2)),
    ("relu", away_from_zero(5, 7)),
    ("silu", normal(5, 7, scale=2)),
    ("softplus", normal(5, 7, scale=2)),
    ("erf", normal(5, 7)),
    ("floor", normal(5, 7, scale=3)),
    ("ceil", normal(5, 7, scale=3)),
    ("round", normal(5, 7, scale=3)),
    ("sign", away_from_zero(5, 7)),
]

# [5, 7] has no length that is a multiple of 4; these add the scalar, the single element, a rank
# of 4 and a vector longer than one workgroup.
ODD_SHAPES = [(), (1,), (1, 1, 1), (13,), (2, 3, 5, 7), (515,)]

BROADCASTS = [
    ("row", (5, 7), (7,)),
    ("column", (5, 7), (5, 1)),
    ("outer", (5, 1), (1, 7)),
    ("scalarTensor", (3, 5), ()),
    ("rank", (3, 1, 5), (2, 1, 4, 1)),
    ("single", (1,), (3, 1, 2)),
]

SATURATING = [-100, -80, -30, -17, -9, -1e-3, -1e-10, -1e-30, 0]
SATURATING += [-x for x in reversed(SATURATING[:-1])]


def unary(fixture):
    for op, inputs in UNARY:
        fixture.case(op, op, [inputs])
    for approximate in ("none", "tanh"):
        attrs = {"approximate": approximate}
        fixture.case(f"gelu_{approximate}", "gelu", [normal(5, 7, scale=1.5)], attrs)
    for shape in ODD_SHAPES:
        label = "x".join(map(str, shape)) or "scalar"
        fixture.case(f"tanh_{label}", "tanh", [normal(*shape)])
    fixture.case("clamp", "clamp", [distinct(5, 7, step=0.1)], {"min": -0.75, "max": 1.25})
    fixture.case("clamp_min", "clamp", [distinct(13, step=0.1)], {"min": -0.25})
    fixture.case("clamp_max", "clamp", [distinct(13, step=0.1)], {"max": 0.25})
    fixture.case("round_ties", "round", [values([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])])
    fixture.case("sign_zero", "sign", [values([-2, 0, 3])])
    # Where there is no derivative, PyTorch's choice: 0 for abs and relu at 0, 1 for clamp at its
    # bounds.
    fixture.case("abs_subgradient", "abs", [values([-1, 0, 1])])
    fixture.case("relu_subgradient", "relu", [values([-1, 0, 1])])
    fixture.case("clamp_subgradient", "clamp", [values([-2, -1, 0, 1, 2])], {"min": -1, "max": 1})


def binary(fixture):
    pairs = {
        "add": (normal, normal),
        "sub": (normal, normal),
        "mul": (normal, normal),
        "div": (normal, away_from_zero),
        "pow": (lambda *shape: uniform(0.2, 3, *shape), normal),
    }
    for op, (first, second) in pairs.items():
        fixture.case(op, op, [first(5, 7), second(5, 7)])
        for label, a, b in BROADCASTS:
            fixture.case(f"{op}_{label}", op, [first(*a), second(*b)])
    for shape in ODD_SHAPES:
        label = "x".join(map(str, shape)) or "scalar"
        fixture.case(f"mul_{label}", "mul", [normal(*shape), normal(*shape)])
    for op in ("add", "sub", "mul", "div"):
        fixture.case(f"{op}_number", op, [normal(3, 5)], {"other": 2.5})
    for exponent in (-1, 0.5, 2, 3):
        label = str(exponent).replace("-", "minus").replace(".", "_")
        inputs = [uniform(0.2, 3, 3, 5)]
        fixture.case(f"pow_number_{label}", "pow", inputs, {"exponent": exponent})
    for exponent in (2, 3):
        attrs = {"exponent": exponent}
        fixture.case(f"pow_negativeBase_{exponent}", "pow", [away_from_zero(3, 5)], attrs)
    fixture.case("pow_zeroBase", "pow", [values([0, 0, 2])], {"exponent": 2})
    # A negative base has no slope in the exponent: the gradient is taken in the base only.
    fixture.case(
        "pow_negativeBase_tensor",
        "pow",
        [values([-2, -1.5, -0.5, 3]), values([2, 3, 1, 2])],
        gradients=[0],
    )
    for op in ("maximum", "minimum"):
        fixture.case(op, op, [distinct(5, 7), distinct(5, 7, step=0.12)])
        fixture.case(f"{op}_outer", op, [distinct(5, 1, step=0.5), distinct(1, 7, step=0.3)])
        fixture.case(
            f"{op}_ties", op, [values([1, 2, 3]), values([1, 3, 2])], gradients=False
        )


def selection(fixture):
    fixture.case("where", "where", [booleans(0.5, 5, 7), normal(5, 7), normal(5, 7)])
    fixture.case("where_broadcast", "where", [booleans(0.5, 5, 1), normal(7), normal(3, 1, 1)])
    fixture.case("where_i32", "where", [booleans(0.5, 13), integers(-9, 9, 13), integers(-9, 9, 1)])
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):
        floats = choice([-1, -0.5, 0, 0.5, 1], 3, 7)
        fixture.case(op, op, [floats, floats], gradients=False)
        fixture.case(f"{op}_outer", op, [integers(-2, 3, 5, 1), integers(-2, 3, 7)])
        fixture.case(f"{op}_number", op, [integers(-2, 3, 13)], {"other": 1})


def whole_numbers(fixture):
    for op in ("add", "sub", "mul", "maximum", "minimum"):
        inputs = [integers(-99, 99, 5, 7), integers(-99, 99, 7)]
        fixture.case(f"{op}_i32", op, inputs)
    for op in ("neg", "abs", "sign", "square"):
        fixture.case(f"{op}_i32", op, [integers(-99, 99, 13)])
    fixture.case("clamp_i32", "clamp", [integers(-9, 9, 13)], {"min": -3, "max": 4})


def casts(fixture):
    def cast(name, data, source, target):
        fixture.case(name, "to", [values(data, source)], {"dtype": target}, gradients=False)

    cast("to_f32_i32", [-3.9, -1, -0.5, 0, 0.5, 1.9, 8388609, -1e9], np.float32, "i32")
    cast("to_f32_u32", [0, 0.9, 1.5, 8388609, 3e9], np.float32, "u32")
    cast("to_f32_bool", [-2, -0.0, 0, 1e-30, 0.5, 7], np.float32, "bool")
    # 1 + 2^-11 and 1 + 3 * 2^-11 lie half-way between f16 values and go to the even ones, down and
    # up; 65504 is the largest f16.
    cast("to_f32_f16", [0, 1, 1.00048828125, 1.00146484375, -0.1, 65504, 1e-3], np.float32, "f16")
    cast("to_i32_f32", [-7, 0, 1, 16777216], np.int32, "f32")
    cast("to_i32_bool", [-7, 0, 1], np.int32, "bool")
    cast("to_i32_u32", [0, 5, 2147483647], np.int32, "u32")
    cast("to_u32_f32", [0, 7, 4294967040], np.uint32, "f32")
    cast("to_u32_i32", [0, 7, 2147483647], np.uint32, "i32")
    cast("to_bool_f32", [True, False, True], np.bool_, "f32")
    cast("to_bool_i32", [True, False, True], np.bool_, "i32")


def extremes(fixture):
    for op in ("tanh", "sigmoid", "relu", "silu", "softplus", "erf"):
        fixture.case(f"{op}_extreme", op, [values(SATURATING)])
    for approximate in ("none", "tanh"):
        attrs = {"approximate": approximate}
        fixture.case(f"gelu_{approximate}_extreme", "gelu", [values(SATURATING)], attrs)
    fixture.case("exp_extreme", "exp", [values([-100, -80, -1e-10, 0, 1e-10, 80])])
    fixture.case("expm1_extreme", "expm1", [values([-100, -20, -1e-10, -1e-30, 1e-30, 1e-7, 80])])
    fixture.case("log_extreme", "log", [values([1e-30, 1e-10, 0.9999999, 1.0000001, 1e10, 1e30])])
    fixture.case("log1p_extreme", "log1p", [values([-1e-10, -1e-30, 1e-30, 1e-7, 1e-4, 1e30])])
    fixture.case("sqrt_extreme", "sqrt", [values([1e-30, 1e-20, 1e20, 1e30])])
    fixture.case("rsqrt_extreme", "rsqrt", [values([1e-24, 1e-12, 1e12, 1e20])])
    fixture.case("reciprocal_extreme", "reciprocal", [values([-1e15, -1e-15, 1e-15, 1e15])])
    # WGSL bounds the error of sin and cos on [-pi, pi] only.
    for op in ("sin", "cos"):
        fixture.case(f"{op}_extreme", op, [values([-100, -31.4, -7, 7, 31.4, 100])])


def make():
    fixture = Fixture("pointwise")
    unary(fixture)
    binary(fixture)
    selection(fixture)
    whole_numbers(fixture)
    casts(fixture)
    extremes(fixture)
    return fixture
