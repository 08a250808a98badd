"""Training steps of transformers + PEFT, timed: the peer of step.ts, with the same options.

    python step.py [--model FOLDER | --shape smollm2-135m|qwen2-0.5b] [--rows 4] [--tokens 128] [--rank 8]
                   [--method lora|full] [--compile] [--steps 6] [--threads N]

Without --model the weights are random. Prints one JSON line: milliseconds of every step (the first contains warm-up), the
minimum of the later ones, milliseconds from opening the model (after the imports) to the end of the first step, peak
resident bytes, and then torch's rate of matrix products alone with as many different weights in turn. Half of the labels are masked, as in prompt/answer data. Float32, AdamW, clipping, no dropout.
"""

import argparse
import json
import os
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

SHAPES = {
    "smollm2-135m": LlamaConfig(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, tie_word_embeddings=True, max_position_embeddings=2048,
    ),
    "qwen2-0.5b": Qwen2Config(
        vocab_size=151936, hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        intermediate_size=4864, tie_word_embeddings=True, max_position_embeddings=2048,
    ),
}
parser = argparse.ArgumentParser()
parser.add_argument("--model")
parser.add_argument("--shape", default="smollm2-135m", choices=SHAPES)
parser.add_argument("--rows", type=int, default=4)
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--rank", type=int, default=8)
parser.add_argument("--method", default="lora", choices=["lora", "full"])
parser.add_argument("--compile", action="store_true")
parser.add_argument("--steps", type=int, default=6)
parser.add_argument("--threads", type=int, default=os.cpu_count())
a = parser.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)

opened = time.perf_counter()
if a.model:
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32)
else:
    model = AutoModelForCausalLM.from_config(SHAPES[a.shape], dtype=torch.float32)
vocabulary = model.config.vocab_size
if a.method == "lora":
    lora = LoraConfig(r=a.rank, lora_alpha=2 * a.rank, target_modules="all-linear", lora_dropout=0.0)
    model = get_peft_model(model, lora)
model.train()
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(params, lr=1e-3, weight_decay=0.0)
if a.compile:
    model = torch.compile(model)
ids = torch.randint(0, vocabulary, (a.rows, a.tokens))
labels = ids.clone()
labels[:, ::2] = -100

times, losses, first = [], [], None
for _ in range(a.steps):
    began = time.perf_counter()
    loss = model(input_ids=ids, labels=labels, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    ended = time.perf_counter()
    first = first or ended - opened
    times.append(round(1e3 * (ended - began), 1))
    losses.append(round(loss.item(), 4))

peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def cold_rate(passes=2, most=2**30):
    """Floating-point operations a second of x·Wᵀ over the model's own linear layers, best of some passes after one."""
    weights, size = [], 0
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, torch.nn.Linear) and "lora" not in name and "lm_head" not in name:
            size += 4 * weight.numel()
            if weights and size > most:
                break
            weights.append(weight.detach())
    inputs = {w.shape[1]: torch.rand(a.rows * a.tokens, w.shape[1]) for w in weights}
    flops = sum(2 * a.rows * a.tokens * w.numel() for w in weights)
    best = 0.0
    with torch.no_grad():
        for n in range(passes + 1):
            began = time.perf_counter()
            for w in weights:
                torch.nn.functional.linear(inputs[w.shape[1]], w)
            if n > 0:
                best = max(best, flops / (time.perf_counter() - began))
    return best


rate = 0.0 if a.compile else cold_rate()
print(json.dumps({
    "gemmRate": round(rate), "method": a.method, "rows": a.rows, "tokens": a.tokens, "threads": a.threads, "stepMs": times,
    "bestStepMs": min(times[1:]), "firstStepMs": round(1e3 * first, 1), "peakBytes": peak, "losses": losses,
}))
