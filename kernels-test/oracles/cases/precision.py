"""bf16 and i8 as PyTorch rounds and computes them: values across many exponents, ties, broadcasting."""

from draw import normal, uniform
from fixture import Fixture

SHAPES = [(7,), (3, 5), (2, 3, 65)]


def make():
    fixture = Fixture("precision")
    for shape in SHAPES:
        label = "x".join(str(n) for n in shape)
        fixture.case(f"brainRound_{label}", "brainRound", [normal(*shape)])
        for op in ["brainAdd", "brainMul"]:
            fixture.case(f"{op}_{label}", op, [normal(*shape), normal(*shape)])
            # Gradients of what is broadcast are sums, which PyTorch rounds where its threads meet.
            fixture.case(f"{op}_{label}_broadcast", op, [normal(*shape), normal(shape[-1])],
                         gradients=False)
        fixture.case(f"brainDiv_{label}", "brainDiv", [normal(*shape), uniform(0.5, 2, *shape)],
                     gradients=False)
        fixture.case(f"byteRound_{label}", "byteRound", [uniform(-127, 127, *shape)],
                     gradients=False)
    return fixture
