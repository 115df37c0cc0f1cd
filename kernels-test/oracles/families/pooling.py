"""Pooling."""

from torch.nn import functional as F

NAMES = {
    "kernelSize": "kernel_size",
    "ceilMode": "ceil_mode",
    "countIncludePad": "count_include_pad",
    "divisorOverride": "divisor_override",
    "outputSize": "output_size",
    "returnIndices": "return_indices",
    "p": "norm_type",
}


def _pool(function):
    return lambda x, **attrs: function(x, **{NAMES.get(k, k): v for k, v in attrs.items()})


OPS = {
    name: _pool(function)
    for dims in (1, 2, 3)
    for name, function in {
        f"maxPool{dims}d": getattr(F, f"max_pool{dims}d"),
        f"avgPool{dims}d": getattr(F, f"avg_pool{dims}d"),
        f"adaptiveAvgPool{dims}d": getattr(F, f"adaptive_avg_pool{dims}d"),
        f"adaptiveMaxPool{dims}d": getattr(F, f"adaptive_max_pool{dims}d"),
        **({f"lpPool{dims}d": getattr(F, f"lp_pool{dims}d")} if dims < 3 else {}),
    }.items()
}
