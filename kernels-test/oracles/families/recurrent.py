"""Recurrent layers, as functions of their weights in PyTorch's order."""

import torch


def _layers(x, states, weights, layers=1, bidirectional=False, batchFirst=False, kind="lstm"):
    has_bias = len(weights) == 4 * layers * (2 if bidirectional else 1)
    arguments = (list(weights), has_bias, layers, 0.0, False, bidirectional, batchFirst)
    if kind == "lstm":
        return torch._VF.lstm(x, states, *arguments)
    function = {"gru": torch._VF.gru, "tanh": torch._VF.rnn_tanh, "relu": torch._VF.rnn_relu}[kind]
    return function(x, states[0], *arguments)


def _cell(function, states):
    def apply(x, *rest):
        given = rest[0] if states == 1 else tuple(rest[:states])
        return function(x, given, *rest[states:])

    return apply


OPS = {
    "lstm": lambda x, h, c, *weights, **attrs: _layers(x, (h, c), weights, kind="lstm", **attrs),
    "gru": lambda x, h, *weights, **attrs: _layers(x, (h,), weights, kind="gru", **attrs),
    "rnn": lambda x, h, *weights, nonlinearity="tanh", **attrs: _layers(
        x, (h,), weights, kind=nonlinearity, **attrs
    ),
    "lstmCell": _cell(torch.lstm_cell, 2),
    "gruCell": _cell(torch.gru_cell, 1),
    "rnnCell": _cell(torch.rnn_tanh_cell, 1),
}
