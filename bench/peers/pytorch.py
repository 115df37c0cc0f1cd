"""PyTorch, eager, on the CPU or a GPU: its end of bench/frame/engine.ts.

    OMP_WAIT_POLICY=PASSIVE python3 bench/peers/pytorch.py cpu THREADS
    python3 bench/peers/pytorch.py cuda

Without that policy two threads spin while they wait for each other, and cost three times as much. On a GPU
products stay f32, as PyTorch has them by default: TensorFloat-32 is off.
"""

import json
import pathlib
import sys

# The folders hold sources only.
sys.dont_write_bytecode = True

import torch
from torch import nn
from torch.nn import functional as F

ORACLES = pathlib.Path(__file__).resolve().parents[2] / "kernels-test" / "oracles"
sys.path.insert(0, str(ORACLES))

import gpt_model
import safetensors_io
from gpt_model import adamw, build, loss_of
from serving import serve

device = sys.argv[1]
if device == "cuda":
    torch.set_default_device(device)
    about = torch.cuda.get_device_name()
else:
    torch.set_num_threads(int(sys.argv[2]))
    about = f"CPU, {sys.argv[2]} threads"
torch.manual_seed(1)

# Where it has one, PyTorch's users take its fused attention; the fixtures' model writes it out.
if hasattr(F, "scaled_dot_product_attention"):
    gpt_model.scaled_dot_product_attention = lambda q, k, v, isCausal: F.scaled_dot_product_attention(
        q, k, v, is_causal=isCausal
    )


def repeated(options, operation):
    def run():
        for _ in range(options.get("repeats", 1)):
            operation()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def maybe_backward(options, f, inputs):
    if not options.get("backward"):
        return repeated(options, lambda: f(*inputs))
    for x in inputs:
        x.requires_grad_()
    cotangent = torch.randn_like(f(*inputs))
    return repeated(options, lambda: torch.autograd.grad(f(*inputs), inputs, cotangent))


def linear(options):
    rows, inputs, outputs = (options[name] for name in ("rows", "inputs", "outputs"))
    x, y, weight = (
        torch.randn(shape) for shape in ((rows, inputs), (rows, outputs), (outputs, inputs))
    )
    parts = {"forward": lambda: x @ weight.T, "dX": lambda: y @ weight, "dW": lambda: y.T @ x}
    return repeated(options, parts[options["part"]])


def matmul(options):
    batch, m, n, k = (options[name] for name in ("batch", "m", "n", "k"))
    a, b = torch.randn(*batch, m, k), torch.randn(*batch, k, n)
    return repeated(options, lambda: a @ b)


def attention(options):
    shape = [options[name] for name in ("batch", "heads", "context", "width")]
    hidden = torch.ones(shape[2], shape[2], dtype=torch.bool).triu(1)

    def run(q, k, v):
        scores = (q @ k.transpose(-1, -2)) * shape[3] ** -0.5
        return F.softmax(scores.masked_fill(hidden, float("-inf")), -1) @ v

    return maybe_backward(options, run, [torch.randn(shape) for _ in range(3)])


def norm(options):
    rows, width = options["rows"], options["width"]
    x, w, b = torch.randn(rows, width), torch.randn(width), torch.randn(width)
    if options["kind"] == "layer":
        return maybe_backward(options, lambda x, w, b: F.layer_norm(x, [width], w, b), [x, w, b])
    rms = lambda x, w: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w
    return maybe_backward(options, rms, [x, w])


def reduce(options):
    x = torch.randn(options["rows"], options["width"])
    along = {"dim": options["dim"]} if "dim" in options else {}
    return repeated(
        options,
        {
            "sum": lambda: x.sum(**along),
            "max": lambda: torch.amax(x, **along) if along else x.max(),
            "argmax": lambda: x.argmax(**along),
            "logsumexp": lambda: x.logsumexp(1),
            "softmax": lambda: x.softmax(1),
        }[options["kind"]],
    )


def cross_entropy(options):
    target = torch.randint(options["classes"], (options["rows"],))
    x = torch.randn(options["rows"], options["classes"])
    return maybe_backward(options, lambda x: F.cross_entropy(x, target), [x])


def elementwise(options):
    shape = (options["rows"], options["width"])
    x, y, row = torch.randn(shape), torch.randn(shape), torch.randn(shape[1])
    return repeated(
        options,
        {
            "add": lambda: x + y,
            "add a row": lambda: x + row,
            "gelu": lambda: F.gelu(x),
            "sort": lambda: x.sort(),
            "normal": lambda: torch.randn(shape),
        }[options["kind"]],
    )


def optimizer_step(options):
    shape = (options["rows"], options["width"])
    parameters = [nn.Parameter(torch.randn(shape)) for _ in range(options["tensors"])]
    for p in parameters:
        p.grad = torch.randn(shape)
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.1)
    return repeated(options, optimizer.step)


class Training:
    """Steps from the weights and on the batches that the bench wrote to `folder`."""

    def __init__(self, options, model, loss):
        folder = pathlib.Path(options["folder"])
        weights, _ = safetensors_io.read(folder / "weights.safetensors")
        batches, _ = safetensors_io.read(folder / "batches.safetensors")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(weights.pop(name)))
        if weights:
            raise ValueError(f"weights of no parameter: {sorted(weights)}")
        training = json.loads((folder / "adamw.json").read_text())
        self.model, self.loss, self.clip = model, loss, training["clipGradNorm"]
        self.optimizer = adamw(model, training)
        self.inputs = torch.from_numpy(batches["input"]).to(device)
        self.targets = torch.from_numpy(batches["target"]).long().to(device)
        self.seen = []

    def run(self):
        i = len(self.seen) % len(self.inputs)
        loss = self.loss(self.model, self.inputs[i], self.targets[i])
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.seen.append(loss.item())

    def losses(self, count):
        while len(self.seen) < count:
            self.run()
        return self.seen[:count]

    def traffic(self):
        return None


def gpt(options):
    model = build({**options, "tiedHead": True})
    return Training(options, model, lambda m, x, y: loss_of(m, x.long(), y))


class ConvNet(nn.Module):
    def __init__(self, channels, classes, side):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels[0], 3, padding=1)
        self.conv2 = nn.Conv2d(channels[0], channels[1], 3, padding=1)
        self.head = nn.Linear(channels[1] * (side // 4) ** 2, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))


def conv_net(options):
    model = ConvNet(options["channels"], options["classes"], options["side"])
    return Training(options, model, lambda m, x, y: F.cross_entropy(m(x), y))


serve(
    {"adapter": about, "version": torch.__version__},
    {
        "linear": linear,
        "matmul": matmul,
        "attention": attention,
        "norm": norm,
        "reduce": reduce,
        "crossEntropy": cross_entropy,
        "elementwise": elementwise,
        "adamw": optimizer_step,
        "gpt": gpt,
        "convNet": conv_net,
    },
)
