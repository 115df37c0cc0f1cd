"""Files that Python wrote, byte for byte, and what the models in them compute.

`<case>/file` is a safetensors file as bytes, `<case>/in0` what the model is given, `<case>/out0` what it gives; it
computes in float64, from the numbers in the file.

    gpt2, gpt2_untied   `save_pretrained` of Hugging Face's GPT2LMHeadModel; `config` is its config.json. The first
                        has the tanh form of GELU and shares the token table with the head, as GPT-2 does; the second
                        the exact form and a head of its own. `nearby` is `out0` with the other GELU: how far off a
                        model is that takes the wrong one.
    convnet, tokens     `safetensors.torch.save_file` of the state dict of an nn.Sequential

    pip install torch transformers safetensors

made by torch 2.13, transformers 5.18 and safetensors 0.8, newer than Debian's: make.py makes this file only when it
is named.
"""

import json
import pathlib
import tempfile

import numpy as np
import safetensors
import safetensors.torch
import torch
import transformers
from torch import nn

from fixture import Fixture, generator_of

GPT2 = {
    "gpt2": {
        "vocab_size": 61,
        "n_positions": 12,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        # Not the usual 1e-5, which no test could tell from its absence.
        "layer_norm_epsilon": 1e-3,
    },
    "gpt2_untied": {
        "vocab_size": 19,
        "n_positions": 8,
        "n_embd": 16,
        "n_layer": 1,
        "n_head": 2,
        "activation_function": "gelu",
        "tie_word_embeddings": False,
    },
}
OTHER_GELU = {"gelu_new": "gelu", "gelu": "gelu_new"}


def fill(model, name):
    """Values large enough that no layer is nearly linear; running variances above 0, as variances are."""
    with torch.no_grad():
        for key, tensor in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
            if not tensor.is_floating_point():
                tensor.fill_(7)
                continue
            draw = generator_of(f"{name}/{key}").standard_normal(tuple(tensor.shape), dtype=np.float32)
            values = np.float32(0.3) * draw
            if ".ln_" in key and key.endswith("weight"):
                values = np.float32(1) + values
            if key.endswith("running_var"):
                values = np.float32(0.5) + np.abs(values)
            tensor.copy_(torch.from_numpy(values))


def gpt2(config):
    # Their own draws are written over at once, and would need a seed.
    return transformers.GPT2LMHeadModel(config).double().eval()


def add_gpt2(fixture, name):
    config = transformers.GPT2Config(**GPT2[name], attn_implementation="eager", bos_token_id=0, eos_token_id=0)
    model = gpt2(config)
    fill(model, name)
    tokens = generator_of(f"{name}/tokens").integers(0, config.vocab_size, (2, config.n_positions - 1))
    with tempfile.TemporaryDirectory() as folder:
        # The same numbers: all were drawn in f32.
        model.float().save_pretrained(folder)
        file = (pathlib.Path(folder) / "model.safetensors").read_bytes()
        saved = json.loads((pathlib.Path(folder) / "config.json").read_text())
        fixture.describe(name, "gpt2", {"config": saved})
        fixture.add(f"{name}/file", np.frombuffer(file, np.uint8))
    fixture.add(f"{name}/in0", tokens.astype(np.int32))
    other = transformers.GPT2Config(**{**saved, "activation_function": OTHER_GELU[config.activation_function]})
    for role, form in (("out0", config), ("nearby", other)):
        twin = gpt2(form)
        twin.load_state_dict(model.state_dict())
        with torch.no_grad():
            fixture.add(f"{name}/{role}", twin(torch.from_numpy(tokens)).logits)


def add_sequential(fixture, name, model, given, dtype):
    """`dtype`: of the floats in the file."""
    fill(model, name)
    model.to(dtype)
    file = safetensors.torch.save(model.state_dict())
    fixture.describe(name, "sequential", {"dtype": str(dtype)})
    fixture.add(f"{name}/file", np.frombuffer(file, np.uint8))
    fixture.add(f"{name}/in0", given)
    model.double().eval()
    operand = torch.from_numpy(given)
    with torch.no_grad():
        fixture.add(f"{name}/out0", model(operand.double() if operand.is_floating_point() else operand))


def make():
    fixture = Fixture("python_files")
    fixture.libraries = {"transformers": transformers.__version__, "safetensors": safetensors.__version__}
    for name in GPT2:
        add_gpt2(fixture, name)
    convnet = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 2, 2, stride=2),
        nn.Flatten(),
        nn.Linear(2 * 10 * 10, 6),
        nn.LayerNorm(6),
    )
    images = generator_of("convnet/images").standard_normal((2, 3, 5, 5), dtype=np.float32)
    add_sequential(fixture, "convnet_f64", convnet, images, torch.float64)
    for dtype, name in ((torch.float16, "f16"), (torch.bfloat16, "bf16")):
        model = nn.Sequential(nn.Embedding(9, 5), nn.Linear(5, 3, bias=False))
        words = generator_of("tokens/words").integers(0, 9, (2, 4)).astype(np.int32)
        add_sequential(fixture, f"tokens_{name}", model, words, dtype)
    return fixture
