"""Collects the cases of one fixture file and computes their outputs and gradients in float64."""

import json
import zlib

import numpy as np
import torch

import safetensors_io
from operations import OPS

SMALLEST_NORMAL = np.finfo(np.float32).tiny


def promote(array):
    """The numpy array as a torch tensor in the widest type of its kind: f64, i64 or bool."""
    if array.dtype == np.float32:
        return torch.from_numpy(array.astype(np.float64))
    return torch.from_numpy(array if array.dtype == np.bool_ else array.astype(np.int64))


def stored(value):
    """A computed value in the type the fixture stores: f32, f16, i32, u32 or bool."""
    array = value.detach().resolve_neg().numpy() if isinstance(value, torch.Tensor) else value
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64:
        narrow = array.astype(np.int32)
        assert np.array_equal(narrow, array), "an integer does not fit i32"
        return narrow
    return array


def generator_of(name):
    """A generator that depends on the name alone: adding a case leaves the others unchanged."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


class Fixture:
    def __init__(self, name):
        self.name = name
        self.tensors = {}
        self.cases = {}
        # Versions of what else made the file than torch and numpy.
        self.libraries = {}

    def add(self, name, value):
        """Stores a tensor. Only `*_extreme` cases may hold subnormals; none holds Inf or NaN."""
        assert name not in self.tensors, f"{name} is given twice"
        array = stored(value)
        if array.dtype.kind == "f":
            assert np.isfinite(array).all(), f"{name} is not finite in {array.dtype}"
            subnormal = (array != 0) & (np.abs(array) < SMALLEST_NORMAL)
            assert "_extreme" in name or not subnormal.any(), f"{name} holds a subnormal"
        self.tensors[name] = array

    def add_double(self, name, array):
        """Stores f64 as it is, for references that compute in f64 too."""
        assert name not in self.tensors, f"{name} is given twice"
        assert array.dtype == np.float64 and np.isfinite(array).all(), f"{name} is not finite f64"
        self.tensors[name] = array

    def describe(self, name, op, attrs=None, **more):
        assert name not in self.cases, f"{name} is given twice"
        self.cases[name] = {"op": op, "attrs": attrs or {}, **more}

    def case(self, name, op, inputs, attrs=None, *, views=None, gradients=True):
        """Computes OPS[op] and stores in*, out*, ct*, grad* under `name`.

        inputs     functions of a Generator (see draw.py)
        views      {"in0": steps}: one-input operations that turn the stored input into the operand
        gradients  True: of every float input; False: of none; or a list of input positions
        """
        attrs = attrs or {}
        views = views or {}
        self.describe(name, op, attrs, **({"views": views} if views else {}))
        rng = generator_of(name)
        leaves = []
        operands = []
        for i, make in enumerate(inputs):
            array = np.asarray(make(rng))
            self.add(f"{name}/in{i}", array)
            leaf = promote(array)
            if leaf.is_floating_point():
                leaf.requires_grad_(bool(gradients))
            leaves.append(leaf)
            operands.append(OPS["chain"](leaf, views.get(f"in{i}", [])))
        outputs = OPS[op](*operands, **attrs)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        for i, output in enumerate(outputs):
            self.add(f"{name}/out{i}", output)
        wanted = gradients or []
        if gradients is True:
            wanted = [i for i, leaf in enumerate(leaves) if leaf.requires_grad]
        if wanted:
            self.add_gradients(name, outputs, {f"grad{i}": leaves[i] for i in wanted}, rng)

    def add_gradients(self, name, outputs, leaves, rng):
        """Draws a cotangent ct{i} per float output and stores the gradients of sum(out * ct)."""
        total = 0
        for i, output in enumerate(outputs):
            if output.is_floating_point():
                cotangent = rng.standard_normal(tuple(output.shape), dtype=np.float32)
                cotangent = np.asarray(cotangent, np.float32)
                self.add(f"{name}/ct{i}", cotangent)
                total = total + (output * promote(cotangent)).sum()
        gradients = torch.autograd.grad(total, list(leaves.values()))
        for role, gradient in zip(leaves, gradients):
            self.add(f"{name}/{role}", gradient)

    def write(self, folder, **metadata):
        path = folder / f"{self.name}.safetensors"
        safetensors_io.write(
            path,
            self.tensors,
            {
                "generator": f"kernels-test/oracles/cases/{self.name}.py",
                "torch": torch.__version__,
                "numpy": np.__version__,
                **self.libraries,
                "cases": json.dumps(self.cases, separators=(",", ":")),
                **metadata,
            },
        )
        return path
