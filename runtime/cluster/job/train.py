"""A run of Security Vectors on a Ray cluster: the losses, gradients and steps of a plan that was made elsewhere.

job.json says what to do, rows.jsonl has the rows as tokens, and each stage names a file with its steps: which rows, which
adapters act on them, with which weight. Nothing is decided here but when a stage has reached its goal.
"""

import base64
import errno
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time

from messages import Final, Messages, explain, here, note, say

sys.excepthook = explain  # before packages that may not be the ones that are wanted

import ray
import ray.train
import torch
from ray.train import Checkpoint, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device
from ray.util.queue import Empty, Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from adapters import Adapted, blocks, require_same
from losses import Losses

STATE = "state.pt"


def read_lines(name):
    with open(here(name)) as file:
        return [json.loads(line) for line in file]


def sharding(job):
    """FSDP: every frozen weight of the base is cut over the workers, layer by layer; adapters are whole on each."""
    if job["strategy"] != "fsdp":
        return None
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    def shard(model, lora, device):
        mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
        with torch.no_grad():
            for parameter in lora:
                parameter.data = parameter.data.to(device)
            for buffer in model.buffers():
                buffer.data = buffer.data.to(device)
        for block in blocks(model):
            fully_shard(block, mesh=mesh, ignored_params=lora & set(block.parameters()))
        fully_shard(model, mesh=mesh, ignored_params=lora)

    return shard


def measured(losses, measures, norms):
    """Every set of rows that the plan wants measured: per row its loss and tokens, or each token's loss."""
    result = {}
    for name, want in measures.items():
        chosen = [(row, want["kind"], want["weight"], want["teach"]) for row in want["rows"]]
        if want["gradient"]:
            for parameter in norms:
                parameter.grad = None
        rows, _ = losses.run(chosen, gradient=want["gradient"])
        each = [[float(f"{v:.6g}") for v in row] for row in rows] if want["tokens"] else [[sum(r), len(r)] for r in rows]
        result[name] = {"rows": each, **({"norm": losses.gradient_sum(norms)} if want["gradient"] else {})}
    return result


def work(config):
    """One worker. Ray starts all of them again where one is lost, and would after any error."""
    try:
        compute(config)
    except Exception as error:
        if isinstance(error, Final) or is_full(error):
            config["queue"].put(Final(str(error)))
        raise


def is_full(error):
    """Whether nothing more can be stored: on a full disk, or one that is read-only."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def hear(line):
    """What a worker said; where it met what all would meet again, the job ends."""
    if not isinstance(line, Final):
        return say(line)
    say(f"RuntimeError: {line}")
    os._exit(1)


def compute(config):
    """All workers do the same on their share of the rows; the first one speaks."""
    job, queue = config["job"], config["queue"]
    context = ray.train.get_context()
    device = get_device()
    if device.type == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // context.get_local_world_size()))
    first = context.get_world_rank() == 0
    kept = None
    found = ray.train.get_checkpoint()
    if found:
        with found.as_directory() as folder:
            kept = torch.load(os.path.join(folder, STATE), weights_only=True)
    put = (lambda line: queue.put(line)) if first else (lambda line: None)
    messages = Messages(put, kept["said"] if kept else ())
    if kept:
        put(note("restarted", step=kept["step"]))
    put(note("loading", workers=context.get_world_size()))
    # Each node may have a folder of its own under this path.
    if job["modelSha256"] and context.get_local_rank() == 0:
        require_same(job["model"], job["modelSha256"], here(job["config"]))

    adapters = [{**adapter, "folder": here(adapter["folder"])} for adapter in job["adapters"]]
    shard, recompute = sharding(job), job["recompute"]
    adapted = Adapted(job["model"], adapters, job["scales"], job["precision"], device, shard, recompute)
    computing = Losses(adapted, [(r["ids"], r["labels"], r.get("at")) for r in read_lines("rows.jsonl")], job["tokens"])
    put(note("started", workers=context.get_world_size(), device=str(device)))
    if not job["stages"]:
        messages.send("measured", step=0, sets=measured(computing, job["measures"], []))
    if job["generate"]:
        messages.send("answers", sets=answers(computing, job["generate"]))
    if kept:
        adapted.load(kept["adapters"])
    for number, stage in enumerate(job["stages"]):
        if not kept or kept["stage"] <= number:
            begun = kept if kept and kept["stage"] == number else None
            run_stage(job, stage, number, adapted, computing, messages, begun, first)
    if first:
        for name in job["deliver"]:
            deliver(job, name, adapted.state(), messages)
    messages.send("done")


def answers(losses, wanted):
    """Greedy answers to all prompts, by each state of the model. `rooms`: how many tokens each may get."""
    prompts, rooms = wanted["prompts"], wanted["rooms"]
    found = {name: [[] for _ in prompts] for name in wanted["kinds"]}
    for name, kind in wanted["kinds"].items():
        for most in sorted(set(rooms)):
            alike = [at for at, room in enumerate(rooms) if room == most]
            given = losses.generate([(prompts[at], kind, 0, 0) for at in alike], wanted["stop"], wanted["pad"], most)
            for at, answer in zip(alike, given):
                found[name][at] = answer
    return found


def run_stage(job, stage, number, adapted, losses, messages, kept, first):
    adapted.train(stage["trains"])
    adapted.activate(0)
    parameters = adapted.parameters(stage["trains"])
    options = stage["optimizer"]
    optimizer = torch.optim.AdamW(
        parameters, lr=0.0, betas=options["betas"], eps=options["epsilon"], weight_decay=options["weightDecay"]
    )
    if kept:
        optimizer.load_state_dict(kept["optimizer"])
    plan = read_lines(stage["steps"])
    every, measures = stage["measureEvery"], stage["measures"]
    ended = bool(kept and kept["ended"])

    def measure(step):
        sets = measured(losses, measures, parameters)
        if first and measures:
            messages.send("measured", step=step, sets=sets)
        return sets

    def checkpoint(step):
        # It is said to be there when it is: the run may stop the job at once and come back for it.
        line = messages.keep("checkpoint", step=step, stage=number) if first else None
        with tempfile.TemporaryDirectory() as folder:
            if first:
                state = {
                    "stage": number,
                    "step": step,
                    "ended": ended,
                    "adapters": adapted.state(),
                    "optimizer": optimizer.state_dict(),
                    "said": messages.said,
                }
                # By its path torch does not say that the disk is full.
                with open(os.path.join(folder, STATE), "wb") as file:
                    torch.save(state, file)
            saved = Checkpoint.from_directory(folder) if first else None
            ray.train.report({"step": step}, checkpoint=saved, checkpoint_dir_name=folder_of(number, step))
        if first:
            messages.put(line)

    step = kept["step"] if kept else 0
    if not kept:
        measure(0)
        checkpoint(0)
    while step < len(plan) and not ended:
        began = time.monotonic()
        step += 1
        todo = plan[step - 1]
        for parameter in parameters:
            parameter.grad = None
        chosen = [tuple(row[:4]) for row in todo["rows"]]
        rows, total = losses.run(chosen, gradient=True)
        norm = losses.gradient_sum(parameters)
        if not (total == total and norm == norm and abs(total) < float("inf") and norm < float("inf")):
            raise Final(f"not-finite {step}")
        clip = options["clipNorm"]
        if clip > 0:
            torch._foreach_mul_([p.grad for p in parameters], min(1.0, clip / (norm + 1e-6)))
        for group in optimizer.param_groups:
            group["lr"] = todo["rate"]
        optimizer.step()
        taught = [row[3] for row in todo["rows"]]
        harmful = [row[4] for row in todo["rows"]]
        count = lambda keep: [sum(len(r) for r, k in zip(rows, keep) if k), sum(sum(r) for r, k in zip(rows, keep) if k)]
        (tokens, nll), (bad_tokens, bad_nll) = count([not t for t in taught]), count(harmful)
        if first:
            messages.send(
                "step",
                step=step,
                stage=number,
                nll=nll,
                tokens=tokens,
                harmfulNll=bad_nll,
                harmfulTokens=bad_tokens,
                norm=norm,
                rate=todo["rate"],
                ms=1000 * (time.monotonic() - began),
                memory=memory(adapted.device),
            )
        goal = stage.get("goal")
        reached = False
        if goal and bad_nll / max(1, bad_tokens) < goal["loss"]:
            rows, _ = losses.run([(r, goal["kind"], 0.0, 0) for r in goal["rows"]])
            reached = sum(map(sum, rows)) / max(1, sum(map(len, rows))) < goal["loss"]
        if reached or step == len(plan) or step % every == 0:
            measure(step)
            ended = reached
            checkpoint(step)


def memory(device):
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def folder_of(stage, step):
    """Of a checkpoint, within the run's folder in storage."""
    return f"checkpoint-{stage}-{step}"


def redeliver(job):
    """The adapters as they were at an earlier step."""
    at = folder_of(job["from"]["stage"], job["from"]["step"])
    with Checkpoint("/".join([job["storage"].rstrip("/"), job["run"], at])).as_directory() as folder:
        state = torch.load(os.path.join(folder, STATE), weights_only=True)["adapters"]
    messages = Messages(say)
    for name in job["deliver"]:
        deliver(job, name, state, messages, f"-{job['from']['stage']}-{job['from']['step']}")
    messages.send("done")


def deliver(job, name, state, messages, at=""):
    """The adapter as a safetensors file, in storage, and in the log where it is small. `state`: see `Adapted.state`."""
    from safetensors.torch import save

    own = {key.removeprefix(f"{name}/"): p for key, p in state.items() if key.startswith(f"{name}/")}
    data = save({key: p.float().contiguous() for key, p in own.items()})
    sha256 = hashlib.sha256(data).hexdigest()
    storage = Checkpoint(job["storage"].rstrip("/"))
    place = f"{storage.path}/{job['run']}-{name}{at}.safetensors"
    with storage.filesystem.open_output_stream(place) as stream:
        stream.write(data)
    fields = {"name": name, "sha256": sha256, "bytes": len(data), "place": place}
    if len(data) <= job["mostInLog"]:
        fields["data"] = base64.b64encode(data).decode()
    messages.send("adapter", **fields)


def main():
    with open(here("job.json")) as file:
        job = json.load(file)
    if job["from"]:
        return redeliver(job)
    ray.init(address="auto", log_to_driver=True, logging_level="warning")

    def stopped(*_):
        say(note("stopped"))
        os._exit(143)

    signal.signal(signal.SIGTERM, stopped)  # after ray.init, which sets its own
    # Ray puts what takes nothing on any node, and that may be lost.
    beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    queue = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": beside})
    # Ray ends an attempt for which there is no room after a minute, and tells it from one that fails by no limit.
    os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = "1000000"
    finished = threading.Event()

    def speak():
        quiet, started = 0, False
        while True:
            try:
                line = queue.get(timeout=1)
                quiet, started = 0, True
                hear(line)
            except Empty:
                if finished.is_set():
                    return
                quiet += 1
                if quiet % 15 == 0:
                    said = until_started(wanted(job), started)
                    if said:
                        say(said)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        TorchTrainer(
            work,
            train_loop_config={"job": job, "queue": queue},
            scaling_config=ScalingConfig(
                num_workers=job["workers"],
                use_gpu=job["gpu"] > 0,
                resources_per_worker={"CPU": 1, **({"GPU": job["gpu"]} if job["gpu"] else {})},
            ),
            run_config=RunConfig(
                name=job["run"],
                storage_path=job["storage"],
                failure_config=FailureConfig(max_failures=job["failures"], controller_failure_limit=job["failures"]),
            ),
        ).fit()
    finally:
        finished.set()
        speaker.join()


def wanted(job):
    return {"CPU": job["workers"], **({"GPU": job["workers"] * job["gpu"]} if job["gpu"] else {})}


def until_started(wanted, again):
    """What is said while workers are silent: Ray starts them, or cannot. `again`: they had started, and may be at work."""
    named = lambda all: {key: value for key, value in all.items() if key in ("CPU", "GPU")}
    try:
        there, free = named(ray.cluster_resources()), named(ray.available_resources())
        groups = ray.util.placement_group_table().items()
    except Exception:  # a head that does not answer now: what workers say is still to be heard
        return None
    # Ray sets aside what workers take, for this job under an id that ends with the job's.
    own = ray.get_runtime_context().get_job_id()
    states = [group["state"] for id, group in groups if id.endswith(own)]
    is_free = "PENDING" not in states and all(free.get(name, 0) >= count for name, count in wanted.items())
    if "CREATED" in states or is_free:
        return None if again else note("starting")
    return note("waiting", wanted=wanted, there=there, free=free)


if __name__ == "__main__":
    main()
