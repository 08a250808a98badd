"""What two workers with a model cut over them really keep and receive in one forward and backward: for scale.mjs --check."""

import json
import os
import sys

import torch
import torch.distributed as dist
from peft import LoraConfig, get_peft_model
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

folder, out = sys.argv[1:]
dist.init_process_group("gloo")
torch.manual_seed(1)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
lora = {p for name, p in model.named_parameters() if ".lora_" in name}
mesh = init_device_mesh("cpu", (2,))
blocks = max((m for m in model.modules() if isinstance(m, torch.nn.ModuleList)), key=len)
for block in blocks:
    fully_shard(block, mesh=mesh, ignored_params=lora & set(block.parameters()))
fully_shard(model, mesh=mesh, ignored_params=lora)

received = 0
original = dist.all_gather_single


def counted(output_tensor, *args, **kwargs):
    global received
    received += output_tensor.numel() * output_tensor.element_size() // 2  # one half is the worker's own
    return original(output_tensor, *args, **kwargs)


dist.all_gather_single = counted
ids = torch.randint(0, 100, (2, 16))
model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
shard = sum(p.to_local().numel() * 4 for p in model.parameters() if isinstance(p, DTensor))
if dist.get_rank() == 0:
    with open(out, "w") as file:
        json.dump({"shard": shard, "gathered": received, "lora": sum(p.numel() * 4 for p in lora)}, file)
dist.destroy_process_group()
os._exit(0)
