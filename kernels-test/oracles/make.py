"""Writes the PyTorch oracle fixtures: /usr/bin/python3 kernels-test/oracles/make.py [FIXTURE...]

Without arguments all of them; with names (pointwise, gpt, ...) those only. See README.md.
"""

import importlib
import pathlib
import sys

# The folder holds sources and fixtures only.
sys.dont_write_bytecode = True

import torch

FIXTURES = [
    "pointwise",
    "elementwise",
    "reduce",
    "matmul",
    "convolution",
    "pooling",
    "indexing",
    "shape",
    "statistics",
    "ordering",
    "layers",
    "attention",
    "recurrent",
    "spectral",
    "linalg",
    "spectra",
    "precision",
    "further",
    "gpt",
    "optim",
    "transport",
    "transport_exact",
    "transport_gromov",
]
# Made only when named: these need libraries newer than Debian's.
NAMED = ["python_files", "transport_low_rank", "transport_sparse"]
MAX_BYTES = 5_000_000


def main(names):
    unknown = [name for name in names if name not in FIXTURES + NAMED]
    if unknown:
        sys.exit(f"unknown fixture {', '.join(unknown)}: choose from {', '.join(FIXTURES + NAMED)}")
    # One thread: sums keep their order.
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).parent / "fixtures"
    folder.mkdir(exist_ok=True)
    for name in names or FIXTURES:
        fixture = importlib.import_module(f"cases.{name}").make()
        path = fixture.write(folder)
        print(f"{path.stat().st_size:>8} bytes  {len(fixture.cases):>4} cases  {path.name}")
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    print(f"{total:>8} bytes together")
    if total > MAX_BYTES:
        sys.exit(f"the fixtures take {total} bytes, more than the {MAX_BYTES} they may")


if __name__ == "__main__":
    main(sys.argv[1:])
