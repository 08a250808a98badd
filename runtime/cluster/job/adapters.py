"""A model with several LoRA adapters: which of them act on a row, and which one is trained.

PEFT makes every adapter trainable that it activates, and a frozen one inactive. Here both are set apart, and `check` proves
at every step that they still are.
"""

import functools
import hashlib
import json
import math
import os
import re

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch.utils.checkpoint import checkpoint
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, GenerationConfig

from messages import Final


def weights_sha256(folder):
    """SHA-256 of the weights as the engine counts it: of the one file, or of the list of the shards' hashes."""
    index = os.path.join(folder, "model.safetensors.index.json")
    names = ["model.safetensors"]
    if os.path.exists(index):
        with open(index) as file:
            names = sorted(set(json.load(file)["weight_map"].values()))
    hashes = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def computing(folder):
    """What transformers computes with, of a folder's config: key → value. The rest is about files, or told by the plan."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
    beside = re.compile(r"_.*|architectures|dtype|transformers_version|use_cache|\w+_token_id")

    def flat(value, path=""):
        for key, inner in value.items():
            if isinstance(inner, dict):
                yield from flat(inner, f"{path}{key}.")
            elif not beside.fullmatch(str(key)):
                yield path + str(key), inner

    return dict(flat(config))


def require_same(folder, weights, config):
    """@raise Final where the model in a folder has other weights, or computes otherwise, than the one that is meant.

    `weights`: their SHA-256; `config`: the folder with its config.
    """
    try:
        sha256 = weights_sha256(folder)
    except FileNotFoundError as error:
        raise Final(f"FileNotFoundError: {error}") from error
    if sha256 != weights:
        raise Final(f"other-model {sha256}")
    there, meant = computing(folder), computing(config)
    others = sorted(key for key in there.keys() | meant.keys() if there.get(key) != meant.get(key))
    if others:
        raise Final(f"other-config {', '.join(others)}")


def auto(folder):
    """The class that loads the base: transformers lists not all models for text and images among the causal ones."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    return AutoModelForImageTextToText if config.model_type == "mistral3" else AutoModelForCausalLM


def long_from(config):
    """Rows of more tokens than this have other factors of LongRoPE."""
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    return rope["original_max_position_embeddings"] if rope.get("rope_type") == "longrope" else math.inf


def blocks(model):
    """The layers of the decoder, in their order."""
    return max((m for m in model.modules() if isinstance(m, torch.nn.ModuleList)), key=len)


class Adapted:
    """`adapters`: dicts with `name` and `folder`. `scales`: for each kind of row, adapter → factor. `recompute`: what is inside
    a layer is computed again for its gradient instead of kept."""

    def __init__(self, folder, adapters, scales, precision, device, shard=None, recompute=False):
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        base = auto(folder).from_pretrained(folder, dtype=dtype, local_files_only=True)
        base.config.use_cache = False
        self.long_from = long_from(base.config)
        # The folder's own has what greedy answers do not, as a penalty on repetitions, and `generate` would fill in from it.
        base.generation_config = GenerationConfig()
        self.names = [adapter["name"] for adapter in adapters]
        self.scales = scales
        # Adapters are layers within the base. PEFT's own model around it generates past what gathers a base that is cut.
        self.model, self.peft = base, None
        for adapter in adapters:
            if self.peft is None:
                self.peft = PeftModel.from_pretrained(base, adapter["folder"], adapter_name=adapter["name"])
            else:
                self.peft.load_adapter(adapter["folder"], adapter_name=adapter["name"])
        self.model.eval()  # no dropout
        self.layers = [m for m in self.model.modules() if isinstance(m, LoraLayer)]
        self.unit = [dict(layer.scaling) for layer in self.layers]
        own = {name: [] for name in self.names}
        for key, parameter in (self.peft or base).named_parameters():
            for name in self.names:
                if f".{name}." in key and ".lora_" in key:
                    own[name].append((key.replace(f".{name}.", "."), parameter))
            parameter.requires_grad_(False)
        self.own = {name: sorted(found, key=lambda pair: pair[0]) for name, found in own.items()}
        lora = {parameter for found in self.own.values() for _, parameter in found}
        if recompute:
            for block in blocks(self.model):
                block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
        if shard:
            shard(self.model, lora, device)
        else:
            self.model.to(device)
        self.device = device
        self.trained = None
        self.on = None

    def parameters(self, name):
        return [parameter for _, parameter in self.own[name]]

    def train(self, name):
        """From here on this adapter is trained, and all others are frozen."""
        self.trained = name
        self.on = None
        # One that was trained before keeps the gradient of its last step.
        for other in self.names:
            for parameter in self.parameters(other):
                parameter.grad = None
        self.versions = {other: [p._version for p in self.parameters(other)] for other in self.names if other != name}

    def activate(self, scale):
        """Adapters act as this kind of row wants it; -1: none does. Whether they are trained stays as it is."""
        if self.peft is None or self.on == scale:
            return
        factors = {name: factor for name, factor in ({} if scale < 0 else self.scales[scale]).items() if factor != 0}
        if factors:
            self.peft.base_model.enable_adapter_layers()
            self.peft.base_model.set_adapter(list(factors))
            for layer, unit in zip(self.layers, self.unit):
                for name, factor in factors.items():
                    if name in unit:
                        layer.scaling[name] = unit[name] * factor
        else:
            self.peft.base_model.disable_adapter_layers()
        for name in self.names:
            for parameter in self.parameters(name):
                parameter.requires_grad_(name == self.trained)
        self.on = scale

    def check(self, scale):
        """@raise Final unless frozen adapters have no gradient and the bytes they had, and those that are wanted act"""
        wanted = {name for name, factor in self.scales[scale].items() if factor != 0}
        active = set(self.peft.active_adapters) if not self.layers[0].disable_adapters else set()
        if active != wanted:
            raise Final(f"the adapters {sorted(active)} act, and {sorted(wanted)} should")
        for name, versions in self.versions.items():
            for parameter, version in zip(self.parameters(name), versions):
                if parameter.requires_grad or parameter.grad is not None:
                    raise Final(f"the adapter {name} is not frozen")
                if parameter._version != version:
                    raise Final(f"the adapter {name} was changed")

    def state(self):
        """Every adapter's tensors by name, on the CPU."""
        return {f"{name}/{key}": p.detach().cpu().clone() for name, found in self.own.items() for key, p in found}

    def load(self, state):
        with torch.no_grad():
            for name, found in self.own.items():
                for key, parameter in found:
                    parameter.copy_(state[f"{name}/{key}"])
