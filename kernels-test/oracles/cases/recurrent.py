"""Cells and layers: one step and many, one layer and two, both directions, batch first."""

from draw import normal
from fixture import Fixture

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def weights(gates, width_in, width, bias=True):
    shapes = [(gates * width, width_in), (gates * width, width)]
    shapes += [(gates * width,), (gates * width,)] if bias else []
    return [normal(*shape, scale=0.5) for shape in shapes]


def make():
    fixture = Fixture("recurrent")
    for op, gates in GATES.items():
        states = 2 if op == "lstm" else 1

        def layers(label, time, batch, width_in, width, *, bias=True, **attrs):
            count = attrs.get("layers", 1)
            directions = 2 if attrs.get("bidirectional") else 1
            shape = (batch, time) if attrs.get("batchFirst") else (time, batch)
            inputs = [normal(*shape, width_in)]
            inputs += [normal(count * directions, batch, width) for _ in range(states)]
            for layer in range(count):
                for _ in range(directions):
                    below = width_in if layer == 0 else width * directions
                    inputs += weights(gates, below, width, bias)
            fixture.case(f"{op}_{label}", op, inputs, attrs)

        layers("one", 1, 1, 1, 1)
        layers("plain", 4, 3, 5, 2)
        layers("noBias", 3, 2, 2, 3, bias=False)
        layers("batchFirst", 5, 2, 3, 4, batchFirst=True)
        layers("both", 4, 2, 3, 3, layers=2, bidirectional=True)
    fixture.case(
        "rnn_relu",
        "rnn",
        [normal(4, 2, 3), normal(1, 2, 3), *weights(1, 3, 3)],
        {"nonlinearity": "relu"},
    )
    for op, gates in GATES.items():
        for label, batch, width_in, width in (("1", 1, 1, 1), ("2", 3, 4, 5), ("3", 2, 7, 3)):
            states = [normal(batch, width) for _ in range(2 if op == "lstm" else 1)]
            fixture.case(
                f"{op}Cell_{label}",
                f"{op}Cell",
                [normal(batch, width_in), *states, *weights(gates, width_in, width)],
            )
    return fixture
