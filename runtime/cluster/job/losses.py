"""Losses of rows, and the gradient of their weighted sum, over all workers.

A row is (index, kind, weight, teach): which tokens, which adapters act, the weight of each supervised token, and how they are
supervised: by their labels (0), by KL(base ‖ model) (1), by Huber's loss of (loss − what it was) (2), not at all but compared
with the base (3), or by a KL that lets go (4). Rows are dealt out so that every worker makes the same number of forward
passes: a sharded model needs that, and one that has no row left computes one with weight zero.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from transformers import GenerationConfig


def kl(base, model):
    """KL(base ‖ model) [L] of log-probabilities [L, V]."""
    return (base.exp() * (base - model)).sum(-1)


def let_go(kl):
    """What a loose hold makes of a KL: never more than one nat (runtime/losses/distillation.ts)."""
    return kl / (1 + kl)


class Losses:
    def __init__(self, adapted, rows, most_tokens):
        self.adapted, self.rows, self.most = adapted, rows, most_tokens
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)

    def deal(self, chosen, grow=0):
        """Batches of one kind of row and of like lengths: each worker's share, and their places in `chosen`. `grow`: tokens that
        each row may get. transformers chooses the factors of LongRoPE for a whole batch: rows that have other ones share none."""
        groups = {}
        long_from = self.adapted.long_from
        for at, (index, kind, _, teach) in enumerate(chosen):
            length = len(self.rows[index][0])
            becomes_long = length <= long_from < length + grow
            side = (length > long_from, at if becomes_long else -1)
            groups.setdefault((kind, teach, side), []).append((length, at))
        for (kind, teach, _), group in sorted(groups.items()):
            group.sort(reverse=True)
            while group:
                size = max(1, self.most // group[0][0]) * self.world
                batch, group = [at for _, at in group[:size]], group[size:]
                yield kind, teach, batch[self.rank :: self.world], batch[0]

    def forward(self, indices):
        """Logits [L, V] at the supervised positions, the tokens there, and the row of each."""
        ids = [self.rows[i][0] for i in indices]
        longest = max(map(len, ids))
        device = self.adapted.device
        pad = lambda values, fill: torch.tensor([v + [fill] * (longest - len(v)) for v in values], device=device)
        labels = pad([self.rows[i][1] for i in indices], -100)[:, 1:]
        mask = pad([[1] * len(v) for v in ids], 0)
        logits = self.adapted.model(input_ids=pad(ids, 0), attention_mask=mask, use_cache=False).logits
        row, at = (labels != -100).nonzero(as_tuple=True)
        return logits[row, at].float(), labels[row, at], row

    def run(self, chosen, gradient=False):
        """Per row: the losses of its supervised tokens (of a taught row: its KL; of a compared one: those in the base, those now, and
        the KL of each); and the weighted sum of all."""
        found, total = {}, 0.0
        for kind, teach, mine, spare in self.deal(chosen):
            at = mine or [spare]
            indices = [chosen[i][0] for i in at]
            weight = torch.tensor([chosen[i][2] if mine else 0.0 for i in at], device=self.adapted.device)
            if teach in (1, 3, 4):
                with torch.no_grad():
                    self.adapted.activate(-1)
                    teacher = F.log_softmax(self.forward(indices)[0], -1)
            self.adapted.activate(kind)
            with torch.set_grad_enabled(gradient):
                logits, target, row = self.forward(indices)
                logp = F.log_softmax(logits, -1)
                if teach in (1, 4):
                    each = kl(teacher, logp)
                else:
                    each = F.nll_loss(logp, target, reduction="none")
                if teach == 2:
                    was = torch.tensor([v for i in indices for v in self.rows[i][2]], device=each.device)
                    loss = (weight[row] * F.huber_loss(each, was, reduction="none")).sum()
                else:
                    loss = (weight[row] * (let_go(each) if teach == 4 else each)).sum()
            if gradient:
                loss.backward()
                self.adapted.check(kind)
            total += loss.item()
            owner = row.tolist()
            of_row = lambda values, j: [v for v, r in zip(values.tolist(), owner) if r == j]
            for j, i in enumerate(mine):
                found[i] = of_row(each, j)
                if teach == 3:
                    before, change = F.nll_loss(teacher, target, reduction="none"), kl(teacher, logp)
                    found[i] = [*of_row(before, j), *found[i], *of_row(change, j)]
        everything = [(found, total)]
        if self.world > 1:
            everything = [None] * self.world
            dist.all_gather_object(everything, (found, total))
        merged = {i: values for part, _ in everything for i, values in part.items()}
        return [merged[i] for i in range(len(chosen))], sum(t for _, t in everything)

    def generate(self, chosen, stop, pad, most):
        """Greedy answers as tokens, without the one that ends them. Left-padded, as each answer grows to the right. All that are
        made together have room for `most` tokens: beyond the context some models have no positions."""
        found = {}
        for kind, _, mine, spare in self.deal(chosen, most):
            self.adapted.activate(kind)
            prompts = [self.rows[chosen[i][0]][0] for i in mine or [spare]]
            longest = max(map(len, prompts))
            ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts], device=self.adapted.device)
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.adapted.device)
            config = GenerationConfig(
                max_new_tokens=most, do_sample=False, eos_token_id=stop or None, pad_token_id=pad, use_cache=True
            )
            with torch.no_grad():
                out = self.adapted.model.generate(
                    input_ids=ids, attention_mask=mask, generation_config=config, synced_gpus=self.world > 1
                )
            for i, answer in zip(mine, out[:, longest:].tolist()):
                end = next((at for at, token in enumerate(answer) if token in stop), len(answer))
                found[i] = answer[:end]
        everything = [found]
        if self.world > 1:
            everything = [None] * self.world
            dist.all_gather_object(everything, found)
        merged = {i: answer for part in everything for i, answer in part.items()}
        return [merged[i] for i in range(len(chosen))]

    def gradient_sum(self, parameters):
        """The gradients added up over the workers, and their global norm."""
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.flatten() for p in parameters])
        if self.world > 1:
            dist.all_reduce(flat)
        at = 0
        for parameter in parameters:
            parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
            at += parameter.numel()
        return flat.norm().item()
