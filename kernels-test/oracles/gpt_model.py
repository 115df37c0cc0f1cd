"""nanoGPT's model in plain PyTorch, with its parameter names. https://github.com/karpathy/nanoGPT

Pre-norm blocks, exact (erf) GELU, learned positions, biases in every layer but the head. Shared by
the fixtures and by bench/peers/gpt_torch.py.
"""

import torch
from torch import nn
from torch.nn import functional as F

from operations import scaled_dot_product_attention


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x):
        batch, time, width = x.shape
        query, key, value = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        y = scaled_dot_product_attention(query, key, value, isCausal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, time, width))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocab, context, layers, heads, width, tiedHead):
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab, width),
                "wpe": nn.Embedding(context, width),
                "h": nn.ModuleList([Block(width, heads) for _ in range(layers)]),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, vocab, bias=False)
        if tiedHead:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        """Logits [batch, time, vocab] of tokens [batch, time]."""
        x = self.transformer.wte(tokens) + self.transformer.wpe(torch.arange(tokens.size(1)))
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def build(config):
    """The model that `config` describes; its other entries are not read."""
    sizes = ("vocab", "context", "layers", "heads", "width", "tiedHead")
    return GPT(**{key: config[key] for key in sizes})


def loss_of(model, tokens, targets):
    """Mean cross entropy over the tokens of the batch, in nats."""
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


def adamw(model, config):
    """AdamW with nanoGPT's groups: weight decay on matrices and embeddings, none on vectors."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config["weightDecay"]},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.get("lr", 0.0),
        betas=tuple(config["betas"]),
        eps=config["eps"],
    )
