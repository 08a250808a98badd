"""Loads exported model folders in transformers and gives the logits of the last position.

    python transformers_load.py IDS_JSON MODEL_FOLDER...

IDS_JSON is a list of token ids. Prints a JSON list with one object per folder: logits (computed in float32).
Exit status 1 with a message when tensors are missing, unexpected or of another shape.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM

ids = torch.tensor([json.loads(sys.argv[1])])
results = []
for folder in sys.argv[2:]:
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    wrong = {key: list(names) for key, names in info.items() if names}
    if wrong:
        sys.exit(f"{folder}: {wrong}")
    with torch.no_grad():
        logits = model.float()(ids).logits[0, -1]
    results.append({"logits": logits.tolist()})
print(json.dumps(results))
