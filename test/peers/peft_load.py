"""Loads adapter folders in PEFT and checks that nothing is missing, unexpected or warned about.

    python peft_load.py [--ids JSON] MODEL_FOLDER ADAPTER_FOLDER [MODEL_FOLDER ADAPTER_FOLDER ...]

Prints a JSON list with one object per adapter: modules (name -> rank, scaling), and with --ids (a JSON list of token ids)
the logits of the last position. Exit status 1 with a message when PEFT's tensors differ from the file's.
"""
import json
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

paths = sys.argv[1:]
ids = None
if paths[0] == "--ids":
    ids = torch.tensor([json.loads(paths[1])])
    paths = paths[2:]

results = []
for model_folder, adapter_folder in zip(paths[::2], paths[1::2], strict=True):
    with_images = AutoConfig.from_pretrained(model_folder).model_type == "mistral3"
    auto = AutoModelForImageTextToText if with_images else AutoModelForCausalLM
    base = auto.from_pretrained(model_folder, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FutureWarning)
        # GPT-2's Conv1D: PEFT corrects the flag of the file with a warning of its own.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set to")
        model = PeftModel.from_pretrained(base, adapter_folder)

    stored = load_file(f"{adapter_folder}/adapter_model.safetensors")
    loaded = {name.replace(".default.weight", ".weight"): p for name, p in model.named_parameters() if ".lora_" in name}
    if stored.keys() != loaded.keys():
        sys.exit(f"{adapter_folder}: different modules: {sorted(stored.keys() ^ loaded.keys())}")
    for name, tensor in stored.items():
        if not torch.equal(tensor, loaded[name]):
            sys.exit(f"{adapter_folder}: different values: {name}")

    modules = {}
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            modules[name] = {"rank": module.r["default"], "scaling": module.scaling["default"]}
    result = {"modules": modules}
    if ids is not None:
        with torch.no_grad():
            result["logits"] = model(ids).logits[0, -1].tolist()
    results.append(result)
json.dump(results, sys.stdout)
