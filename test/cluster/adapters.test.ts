/**
 * The job's own Python with the models and adapters that it is sent, where PEERS_PYTHON has torch, transformers and
 * peft.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { logitsOn, place, randomAdapter, subject, type Place } from '../export/support.js';
import { REFERENCES } from '../support/reference.js';

const python = process.env.PEERS_PYTHON;
const JOB = join(import.meta.dirname, '../../runtime/cluster/job');
const IDS = [3, 14, 15, 92, 65, 35, 89];
const PROGRAM = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import torch
from adapters import Adapted
found = []
for folder, adapter in zip(sys.argv[3::2], sys.argv[4::2]):
    adapted = Adapted(folder, [{"name": "task", "folder": adapter}], [{"task": 1.0}], "fp32", "cpu")
    adapted.activate(0)
    with torch.no_grad():
        logits = adapted.model(input_ids=torch.tensor([json.loads(sys.argv[2])]), use_cache=False).logits
    found.append({"matrices": len(adapted.own["task"]), "logits": logits[0, -1].tolist()})
print(json.dumps(found))`;

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

test(
  'the job computes what is computed here, models with images among them',
  { skip: python ? false : 'needs PEERS_PYTHON' },
  async () => {
    const wanted: { matrices: number; logits: number[] }[] = [];
    const pairs: string[] = [];
    for (const family of ['llama', 'gemma3_image', 'mistral3']) {
      const [model, folder] = [join(REFERENCES, family), here.file(family)];
      await randomAdapter(model, folder);
      const matrices = 2 * linearLayers((await subject(model, here.dir)).spec).length;
      const logits = await logitsOn(await subject(model, here.dir, [{ path: folder, scale: 1 }]), IDS, [1, IDS.length]);
      wanted.push({ matrices, logits: [...logits.slice(-128)] });
      pairs.push(model, folder);
    }
    const args = ['-c', PROGRAM, JOB, JSON.stringify(IDS), ...pairs];
    const output = execFileSync(python!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const found = JSON.parse(output) as typeof wanted;
    for (const [i, { matrices, logits }] of wanted.entries()) {
      assert.equal(found[i]!.matrices, matrices);
      logits.forEach((x, n) => assert.ok(Math.abs(found[i]!.logits[n]! - x) < 1e-4, `${pairs[2 * i]} ${n}: ${found[i]!.logits[n]} and ${x}`)); // oxfmt-ignore
    }
  },
);
