import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAdapter, ROLE_FILE, WEIGHTS_FILE, type AdapterModule } from '../../runtime/adapters/files.js';
import type { HumanError } from '../../runtime/support/errors.js';
import { sha256File } from '../../runtime/support/files.js';
import { atTokens, loadReference } from '../support/reference.js';
import { adapterOf, at, logitsOn, place, subject, type Place } from './support.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

/** s · B A [out, in] */
function update({ A, B, aShape: [rank, inputs], bShape: [out], scale }: AdapterModule): Float64Array {
  return Float64Array.from({ length: out * inputs }, (_, n) => {
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += B[Math.floor(n / inputs) * rank + r]! * A[r * inputs + (n % inputs)]!;
    return scale * sum;
  });
}

describe('a PEFT folder', () => {
  it('one adapter at scale 1 is copied byte for byte', async () => {
    const { folder: model } = await loadReference('llama');
    const path = adapterOf('llama', 'rslora');
    const out = here.file('copy');
    const result = await here.run({ model, adapters: [at(path)], format: 'peft', out });
    assert.deepEqual(result, { path: out, sha256: await sha256File(join(path, WEIGHTS_FILE)) });
    for (const name of ['adapter_config.json', WEIGHTS_FILE])
      assert.deepEqual(readFileSync(join(out, name)), readFileSync(join(path, name)));
  });

  it('a vector keeps its calibration at scale 1 only, its licence and what it was trained on always, and what is left out is said', async () => {
    const { folder: model } = await loadReference('llama');
    const run = here.file('of-a-run');
    await cp(adapterOf('llama', 'security'), join(run, 'adapter'), { recursive: true });
    await writeFile(join(run, 'adapter', ROLE_FILE), JSON.stringify({ role: 'security' }));
    for (const name of ['adapter/LICENCE', 'adapter/NOTICE.txt', 'calibration.json', 'trained.json', 'prompts.jsonl'])
      await writeFile(join(run, name), name);
    const files = [ROLE_FILE, 'LICENCE', 'NOTICE.txt', 'adapter_config.json', WEIGHTS_FILE, 'trained.json'];
    for (const [scale, copied, said] of [
      [1, ['calibration.json'], /^calibration\.json of of-a-run comes with it/],
      [2, [], /^calibration\.json of of-a-run is left out: .*scale 1/],
    ] as const) {
      const out = here.file(`vector-${scale}`);
      const { notes } = await here.run({ model, adapters: [at(run, scale)], format: 'peft', out });
      assert.deepEqual(readdirSync(out).sort(), [...files, ...copied].sort());
      assert.match(notes![0]!, said);
      assert.match(notes![1]!, /^prompts\.jsonl of of-a-run is left out/);
      assert.match(notes![2]!, /^trained\.json of of-a-run comes with it/);
    }
  });

  it('has no file that lies outside of the adapter, or its run, and is a link there', async () => {
    const { folder: model } = await loadReference('llama');
    const run = here.file('linked');
    await cp(adapterOf('llama', 'security'), join(run, 'adapter'), { recursive: true });
    await writeFile(join(run, 'adapter', ROLE_FILE), JSON.stringify({ role: 'security' }));
    for (const name of ['adapter/LICENSE', 'adapter/NOTICE', 'adapter/README.md', 'calibration.json', 'trained.json']) {
      await writeFile(here.file(basename(name)), 'mine');
      await symlink(here.file(basename(name)), join(run, name));
      const out = here.file('of-linked');
      await assert.rejects(here.run({ model, adapters: [at(run)], format: 'peft', out }), (error: HumanError) => {
        assert.equal(error.message.split(': ')[0], `"${basename(name)}" is a link that leads out of its folder`);
        return true;
      });
      assert.ok(!readdirSync(here.dir).includes('of-linked'));
      await rm(join(run, name));
      await rename(here.file(basename(name)), join(run, name));
    }
  });

  it('a scale goes into every alpha, patterns included', async () => {
    const { folder: model } = await loadReference('llama');
    const path = adapterOf('llama', 'rslora');
    const out = here.file('scaled');
    await here.run({ model, adapters: [at(path, -0.25)], format: 'peft', out });
    const [before, after] = [await readAdapter(path), await readAdapter(out)];
    assert.equal(after.config.alpha, -2);
    assert.deepEqual(Object.values(after.config.alphaPattern), [-3]);
    assert.equal(after.config.useRslora, true);
    for (const [name, module] of before.modules)
      assert.ok(Math.abs(after.modules.get(name)!.scale + 0.25 * module.scale) < 1e-12, name);
  });

  for (const family of ['llama', 'gpt2', 'gemma2']) {
    it(`${family}: two adapters on different layers become one of summed rank`, async () => {
      const r = await loadReference(family);
      const adapters = [at(adapterOf(family, 'task')), at(adapterOf(family, 'security'))];
      const out = here.file(`joined-${family}`);
      await here.run({ model: r.folder, adapters, format: 'peft', out });
      const joined = await readAdapter(out);
      assert.deepEqual(new Set([...joined.modules.values()].map((m) => m.aShape[0])), new Set([4, 8]));
      assert.equal(joined.config.fanInFanOut, family === 'gpt2');
      const mask = await r.ints('batch.attention_mask');
      const what = await subject(r.folder, here.dir, [at(out)]);
      const logits = await logitsOn(what, await r.ints('batch.input_ids'), r.shape('batch.input_ids'));
      await r.check('both.logits', atTokens(logits, mask));
    });
  }

  it('three at scales of their own, one of them off: the sum of their updates', async () => {
    const { folder: model } = await loadReference('llama');
    const scales = { rslora: 0.5, task: 0, security: -1.5 };
    const adapters = Object.entries(scales).map(([name, scale]) => at(adapterOf('llama', name), scale));
    const out = here.file('three');
    await here.run({ model, adapters, format: 'peft', out });
    const [rslora, security, joined] = await Promise.all([
      readAdapter(adapterOf('llama', 'rslora')),
      readAdapter(adapterOf('llama', 'security')),
      readAdapter(out),
    ]);
    for (const [name, module] of joined.modules) {
      const parts = [[rslora, 0.5] as const, [security, -1.5] as const].flatMap(([{ modules }, scale]) => {
        const found = modules.get(name);
        return found ? [update(found).map((x) => scale * x)] : [];
      });
      update(module).forEach((x, n) => {
        const want = parts.reduce((sum, part) => sum + part[n]!, 0);
        assert.ok(Math.abs(x - want) < 1e-6, `${name} ${n}: ${x} instead of ${want}`);
      });
    }
    assert.equal(joined.role, 'task');
  });

  it('stays marked as a security vector; merged into a model it is refused, switched off it is not', async () => {
    const { folder: model } = await loadReference('llama');
    const vector = here.file('vector');
    await cp(adapterOf('llama', 'security'), vector, { recursive: true });
    await writeFile(join(vector, ROLE_FILE), JSON.stringify({ role: 'security', name: 'guard' }));
    for (const [name, adapters] of [
      ['vector-alone', [at(vector)]],
      ['vector-scaled', [at(vector, 2)]],
      ['vector-with-task', [at(adapterOf('llama', 'task')), at(vector)]],
    ] as const) {
      await here.run({ model, adapters: [...adapters], format: 'peft', out: here.file(name) });
      assert.equal((await readAdapter(here.file(name))).role, 'security', name);
    }
    for (const [format, out] of [
      ['safetensors', 'no'],
      ['onnx', 'no'],
      ['gguf', 'no.gguf'],
    ] as const)
      await assert.rejects(
        here.run({ model, adapters: [at(vector)], format, out: here.file(out) }),
        /"vector" is a security vector/,
      );
    await assert.rejects(
      here.run({ model, adapters: [at(vector)], format: 'gguf', what: 'adapter', out: here.file('no.gguf') }),
      /cannot be marked/,
    );
    await here.run({ model, adapters: [at(vector, 0)], format: 'safetensors', out: here.file('off') });
    await assert.rejects(
      here.run({ model, adapters: [at(vector, 0)], format: 'peft', out: here.file('no') }),
      /no adapter/,
    );
  });
});
