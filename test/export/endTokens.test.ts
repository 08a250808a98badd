/** What is written ends its answers in other programs where it does here: these read generation_config.json. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { baseTensors, saveFullModel } from '../../runtime/recipes/training/fullModel.js';
import { ended, sample, settingsOf, type Changes } from './sample.js';
import { at, place, randomAdapter, type Place } from './support.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

/** By everything that writes a whole model. */
const WRITERS: Record<string, (model: string, out: string) => Promise<unknown>> = {
  safetensors: (model, out) => here.run({ model, format: 'safetensors', out }),
  onnx: (model, out) => here.run({ model, format: 'onnx', out }),
  'full fine-tuning': async (path, out) => {
    const model = await openModel(path, { cache: here.dir });
    const spec = decoderSpec(model.config);
    await saveFullModel(out, model, spec, await baseTensors(model, spec), await openBackend('cpu', 1));
  },
};

const none: Changes = { 'generation_config.json': () => undefined };

for (const [name, write] of Object.entries(WRITERS))
  describe(name, () => {
    for (const [what, changes, want] of [
      ['the template’s token is added', ended('<|begin|>', 1), [1, 0]],
      ['the tokenizer’s own, too', ended('<|begin|>', 2), [2, 1, 0]],
      ['as many as one is named too often', ended('<|begin|>', [2, 2, 2]), [2, 1, 0]],
      ['a file that is missing is made of the config', { ...ended('<|begin|>', 1), ...none }, [0, 1]],
    ] as const)
      it(what, async () => {
        const id = `${name}-${what}`.replaceAll(/\W+/g, '-');
        const [model, out] = [await sample(here, id, changes), here.file(`${id}-out`)];
        await write(model, out);
        const settings = await settingsOf(join(out, 'generation_config.json'));
        assert.deepEqual(settings.eos_token_id, want);
        const all = (await loadTokenizer(model)).eosIds;
        assert.deepEqual([...all].sort(), [...want].sort());
        assert.deepEqual((await loadTokenizer(out)).eosIds, all);
        if (existsSync(join(model, 'generation_config.json'))) {
          const before = await settingsOf(join(model, 'generation_config.json'));
          assert.deepEqual({ ...settings, eos_token_id: 0 }, { ...before, eos_token_id: 0 });
        }
      });

    it('nothing is changed where all are named, and the rest of the text never', async () => {
      const id = name.replaceAll(' ', '-');
      const [model, out] = [await sample(here, id, ended('<|begin|>', [0, 1])), here.file(`${id}-out`)];
      const file = join(model, 'generation_config.json');
      await writeFile(file, '{ "penalty": 1.0,\n"eos_token_id": [0, 1] }');
      await write(model, out);
      const text = (folder: string): Promise<string> => readFile(join(folder, 'generation_config.json'), 'utf8');
      assert.equal(await text(out), await text(model));
      await writeFile(file, '{ "penalty": 1.0,\n"eos_token_id": 1 }');
      await write(model, `${out}-2`);
      assert.match(await text(`${out}-2`), /^\{ "penalty": 1\.0,\n"eos_token_id": \[\s*1,\s*0\s*\] \}$/);
    });
  });

it('an adapter has no such file: what generate() must be given is said', async () => {
  const [told, silent] = [await sample(here, 'told', ended('<|begin|>', 1)), await sample(here, 'silent', {})];
  const adapters = [at(await randomAdapter(silent, here.file('adapter')))];
  const { notes } = await here.run({ model: told, adapters, format: 'peft', out: here.file('told-out') });
  assert.deepEqual(notes, [
    'answers end at the tokens 1, 0 here, and the configs of the base name 1: give generate() of transformers eos_token_id=[1, 0].',
  ]);
  const other = await here.run({ model: silent, adapters, format: 'peft', out: here.file('silent-out') });
  assert.equal(other.notes, undefined);
});
