"""What two workers with a model cut over them really keep and send, by the job's own code: for scale.mjs --check.

    python -m torch.distributed.run --nproc-per-node=2 measure.py MODEL OUT TOKENS
"""

import json
import os
import sys
import tempfile

import torch
import torch.distributed as dist
from peft import LoraConfig, get_peft_model
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

from adapters import Adapted, blocks
from losses import Losses
from train import sharding

folder, out, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
dist.init_process_group("gloo")
torch.manual_seed(1)
sent = {"gathered": 0, "summed": 0}


def counting(name, original):
    """A worker receives all of a gathered tensor but its own half, and all of a sum."""

    def counted(tensor, *args, **kwargs):
        size = tensor.numel() * tensor.element_size()
        sent[name] += size // 2 if name == "gathered" else size
        return original(tensor, *args, **kwargs)

    return counted


dist.all_gather_single = counting("gathered", dist.all_gather_single)
dist.all_reduce = counting("summed", dist.all_reduce)

with tempfile.TemporaryDirectory() as place:
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(base, lora).save_pretrained(place)
    both = [{"name": name, "folder": place} for name in ("task", "security")]

    def opened(shard, recompute=False):
        adapted = Adapted(folder, both, [{"task": 1, "security": 1}], "fp32", torch.device("cpu"), shard, recompute)
        adapted.train("task")
        return adapted

    # Computed again, layers are gathered no more often: they are there when their gradient is made.
    cut = opened(sharding({"strategy": "fsdp"}), recompute=True)
    whole, again = opened(None), opened(None, recompute=True)
# Every token but the first is supervised; each worker has as many rows.
vocabulary = cut.model.config.vocab_size
rows = [(ids, ids) for ids in torch.randint(0, vocabulary, (4, tokens // 2)).tolist()]
chosen = [(i, 0, 1.0, 0) for i in range(4)]
losses = Losses(cut, rows, tokens)
losses.run(chosen, gradient=True)
losses.gradient_sum(cut.parameters("task"))


def kept(adapted):
    """Bytes that the layers keep for their gradients, each storage once, without weights."""
    weights = {p.untyped_storage().data_ptr() for p in adapted.model.parameters()}
    seen = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    alone = Losses(adapted, rows, tokens)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        adapted.activate(0)
        hidden = []
        handle = blocks(adapted.model)[-1].register_forward_hook(lambda *_: hidden.append(dict(seen)))
        alone.forward([0, 1])
        handle.remove()
    return sum(hidden[0].values())


result = {
    "shard": sum(p.to_local().numel() * 4 for p in cut.model.parameters() if isinstance(p, DTensor)),
    "lora": sum(p.numel() * 4 for p in cut.parameters("task")),
    "activations": kept(whole),
    "recomputed": kept(again),
    **sent,
}
if dist.get_rank() == 0:
    with open(out, "w") as file:
        json.dump(result, file)
dist.destroy_process_group()
os._exit(0)
