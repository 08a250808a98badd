"""Greedy generation with transformers, tokens per second for a batch: the peer of generate.ts, with the same options.

    python generate.py [--model FOLDER] [--rows 1] [--new 128] [--prompt 20] [--threads N]

Without --model the weights are random, of SmolLM2-135M's shape.
"""

import argparse
import json
import os
import time

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

parser = argparse.ArgumentParser()
parser.add_argument("--model")
parser.add_argument("--rows", type=int, default=1)
parser.add_argument("--new", type=int, default=128)
parser.add_argument("--prompt", type=int, default=20)
parser.add_argument("--threads", type=int, default=os.cpu_count())
a = parser.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
if a.model:
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32)
else:
    model = AutoModelForCausalLM.from_config(LlamaConfig(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, tie_word_embeddings=True,
    ), dtype=torch.float32)
model.eval()
ids = torch.randint(3, model.config.vocab_size, (a.rows, a.prompt))


def run(n):
    began = time.perf_counter()
    model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n, do_sample=False,
        eos_token_id=None, pad_token_id=0,
    )
    return time.perf_counter() - began


run(8)
seconds = run(a.new)
print(json.dumps({
    "rows": a.rows, "newTokens": a.new, "threads": a.threads, "tokensPerSecond": round(a.rows * a.new / seconds, 1),
}))
