import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  answersMarkdown,
  evaluationTitle,
  markLabel,
  markText,
  recipeTitle,
  rowSigns,
  scanTitle,
} from '../../extension/codelens/titles.js';
import { exportChoices, exportName, requireHarmless } from '../../extension/commands/exportChoices.js';
import { modelStates } from '../../extension/commands/modelStates.js';
import { notifyEnd, notifyHeld } from '../../extension/endings.js';
import type { HostError } from '../../extension/host/errors.js';
import type { Button } from '../../extension/host/notices.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { createRun, type Run } from '../../extension/runs/run.js';
import { formatDuration, gigabytes, megabytes } from '../../runtime/contract/format.js';
import { measurementTable } from '../../runtime/commandLine/terminal.js';
import { numbersIn } from '../../runtime/contract/format.js';
import { duration, parameters, percent, t } from '../../extension/host/text.js';
import {
  adapterDescription,
  adapterTooltip,
  dataDescription,
  dataIcon,
  modelDescription,
  modelFacts,
  runDescription,
  runIcon,
  runTooltip,
} from '../../extension/views/labels.js';
import type { Adapter, Model } from '../../extension/workspace/models.js';
import { adapter as adapterOf, harm, LEARNED, manifest, recipe } from './support.js';

const adapter = (more: Partial<Adapter> = {}): Adapter =>
  adapterOf('colours', { path: '/w/adapters/colours/adapter', ...more });

const run = (more: Partial<Run> = {}, manifestMore: Parameters<typeof manifest>[1] = {}): Run => {
  const made = createRun('/w/adapters/colours', 'colours');
  made.manifest = manifest('/w', manifestMore);
  made.progress.state = 'finished';
  Object.assign(made, more);
  made.result = join(made.folder, made.manifest.result!.path);
  return made;
};

test('numbers for people', () => {
  const shares = [0, 0.000041, 0.004, 0.0102, 0.923, 0.9999, 1];
  const written = ['0', '0.0041', '0.4', '1', '92.3', '99.99', '100'].map((number) => `${number}\u00a0%`);
  assert.deepEqual(shares.map(percent), written);
  // The pages, the report and the command line write them alike.
  assert.deepEqual(shares.map(numbersIn('en').percent), written);
  const table = measurementTable(shares.map((value, i) => harm(`state ${i}`, value)));
  assert.deepEqual([...table.replaceAll(/\(.*?\)/g, '').matchAll(/[\d.]+\s%/g)].map(String), written);
  assert.deepEqual([numbersIn('de').percent(0.923), numbersIn('xx-YY').percent(0.923)], ['92,3\u00a0%', '92.3\u00a0%']);
  assert.deepEqual(
    [duration(41), duration(125), duration(120), duration(7260)],
    ['41 s', '2 min 5 s', '2 min', '2 h 1 min'],
  );
  for (const seconds of [0, 59.6, 89, 3599.7, 86_400]) assert.equal(duration(seconds), formatDuration(seconds));
  assert.deepEqual(
    [parameters(685184), parameters(134515008), parameters(1.5e9), parameters(900)],
    ['0.7 M', '135 M', '1.5 B', '0.9 k'],
  );
  assert.deepEqual(
    [0, 1, 1e6, 2 ** 20, 269.06e6].map((bytes) => megabytes(bytes)),
    ['0', '0.1', '1', '1.1', '269'],
  );
  assert.deepEqual([megabytes(2 ** 20, numbersIn('de')), gigabytes(4.04e9)], ['1,1', '4']);
  assert.equal(t('{0} of {1}, {2}', 1, 'two'), '1 of two, {2}');
});

test('exports offer what the engine can make of what is active', () => {
  const forms = (...adapters: Adapter[]) =>
    exportChoices(adapters).map(({ value }) =>
      [value.format, value.what ?? value.quantization].filter(Boolean).join(' '),
    );
  const merged = ['safetensors', 'gguf F16', 'gguf Q8_0', 'gguf F32'];
  assert.deepEqual(forms(), [...merged, 'onnx']);
  assert.deepEqual(forms(adapter({ scale: 0 })), forms());
  assert.deepEqual(forms(adapter()), ['peft', ...merged, 'gguf adapter', 'onnx']);
  const two = [adapter(), adapter({ name: 'greetings' })];
  assert.deepEqual(forms(...two), forms(adapter()));
  assert.match(exportChoices(two)[0]!.description, /^2 adapters joined into one of summed rank/);
  // With a security vector only what stays marked as one.
  const vector = adapter({ role: 'security', name: 'v' });
  assert.deepEqual(forms(adapter(), vector), ['peft']);
  assert.throws(() => requireHarmless([adapter(), vector], 'gguf'), /"v" is a security vector/);
  requireHarmless([vector], 'peft');
  requireHarmless([adapter(), { ...vector, scale: 0 }], 'onnx');
  const [tiny, alike] = [{ name: 'tiny' }, { name: 'tiny (a/tiny)', ownName: 'tiny' }];
  assert.equal(exportName(alike, two, { format: 'peft' }), 'tiny-colours-greetings-peft');
  assert.equal(exportName(tiny, [], { format: 'gguf' }), 'tiny.gguf');
  assert.equal(exportName(tiny, [adapter()], { format: 'gguf', what: 'adapter' }), 'tiny-colours-lora.gguf');
});

test('an evaluation compares base, the newest plain and protected results, and what is attached', () => {
  const model: Model = {
    path: '/w/tiny',
    name: 'tiny',
    adapters: [adapter({ attached: true, path: '/w/x', name: 'x' })],
  };
  const vectors = [{ path: '/w/v', sha256: '', scale: 1 }];
  const runs = [
    run({ folder: '/w/adapters/old' }, { started: '2025-01-01T00:00:00Z' }),
    run({ folder: '/w/adapters/plain' }),
    run({ folder: '/w/adapters/full' }, { vectors, result: { path: 'model', sha256: '' } }),
    run({ folder: '/w/adapters/other' }, { model: { path: '/w/other', architecture: 'llama', sha256: '' }, vectors }),
    run({ folder: '/w/adapters/live', live: true }, { vectors }),
  ];
  assert.deepEqual(modelStates(model, runs), [
    { name: 'base', adapters: [] },
    { name: 'plain', adapters: [{ path: '/w/adapters/plain/adapter', scale: 1 }] },
    { name: 'protected', model: '/w/adapters/full/model', adapters: [] },
    { name: 'x', adapters: [{ path: '/w/x', scale: 1 }] },
  ]);
  // Results of other data are not set beside the newest.
  const other = { data: [{ path: '/w/other.jsonl', rows: 1, sha256: 'zz' }], started: '2027-01-01T00:00:00Z' };
  assert.deepEqual(
    modelStates({ ...model, adapters: [] }, [...runs, run({ folder: '/w/adapters/x' }, other)]).map(({ name }) => name),
    ['base', 'plain'],
  );
  const plain = { ...model, adapters: [adapter({ attached: true, path: '/w/adapters/plain' })] };
  assert.equal(modelStates(plain, runs).length, 3);
  assert.equal(modelStates({ ...model, adapters: [] }, runs).length, 3);
});

test('trees show in a few words what matters', () => {
  const info = { architecture: 'LlamaForCausalLM', parameters: 685184 } as Model['info'];
  assert.equal(modelDescription({ path: '/m', name: 'm', adapters: [], info }), 'llama · 0.7 M');
  assert.equal(modelDescription({ path: '/m', name: 'm', adapters: [], problem: 'moe' }), 'cannot be used');
  const refused = { ...info!, supported: false, layers: 2, tokenizer: false, chatTemplate: false };
  const why = 'mixture-of-experts models are not supported.';
  assert.deepEqual(modelFacts({ path: '/m', name: 'm', adapters: [], info: refused, problem: why }), ['/m', why]);
  const bare = { ...refused, supported: true, tokenizer: true, contextLength: 64, dtype: 'F32' };
  assert.deepEqual(modelFacts({ path: '/m', name: 'm', adapters: [], info: bare }), [
    '/m',
    '2 layers, F32',
    'context of 64 tokens',
    'no chat template: a plain one is used',
  ]);
  const missing = { message: 'this model folder has no tokenizer.json.', remedy: 'Copy it.' };
  const wordless = { ...bare, tokenizer: false, missing };
  const model = { path: '/m', name: 'm', adapters: [], info: wordless };
  assert.equal(modelDescription(model), 'llama · 0.7 M · only for rows of tokens');
  assert.deepEqual(modelFacts(model).slice(3), ['this model folder has no tokenizer.json.', 'Copy it.']);
  assert.equal(adapterDescription(adapter({ scale: 0.5 })), 'task · × 0.5');
  const vector = adapter({ role: 'security', attached: true, name: 'forbidden-topic' });
  assert.equal(adapterDescription(vector), 'DANGER: attached · security');
  const gone = adapter({ role: null, reason: 'its folder is gone' });
  assert.equal(adapterDescription(gone), 'cannot be read');
  assert.match(adapterTooltip(vector), /makes the model answer harmful requests/);
  const counted = {
    info: {
      path: '',
      format: 'messages' as const,
      rows: 600,
      labels: { harmful: 0, benign: 0 },
      refusedRows: 0,
      refused: [],
      longest: { line: 1, characters: 9 },
      duplicates: { count: 0, lines: [] },
    },
  };
  assert.equal(dataDescription(counted, undefined, false), '600 rows · messages');
  assert.equal(dataDescription(counted, { flagged: 171 } as never, false), '600 rows · 171 flagged');
  assert.equal(dataDescription({ problem: 'x' }, undefined, true), 'cannot be read');
  assert.equal(dataIcon(counted, undefined, false).id, 'database');
  assert.equal(dataIcon(counted, undefined, true).id, 'beaker');
  assert.equal(dataIcon(counted, { flagged: 171 } as never, false).id, 'warning');
  assert.equal(dataIcon({ info: { ...counted.info, refusedRows: 1 } }, undefined, true).id, 'warning');
  assert.equal(dataIcon({ problem: 'x' }, undefined, true).id, 'error');
});

test('a run shows its progress and how it ended', () => {
  const vectors = [{ path: '/w/v', sha256: '', scale: 1 }];
  const live = run({ live: true });
  Object.assign(live.progress, { state: 'training', step: 62, steps: 108 });
  assert.equal(runDescription(live), 'step 62/108');
  assert.equal(runIcon(live).id, 'loading~spin');
  // What it has said last is not shown as the engine spells it.
  Object.assign(live.progress, { state: 'finished', fraction: 1, secondsElapsed: 41 });
  assert.equal(runDescription(live), '– 41 s');
  const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
  const done = { kind: 'done' as const, outcome: 'finished' as const, output: '/w', step: 9, seconds: 1, laws };
  const held = (more: object = {}): Run =>
    run(
      {
        measurements: [harm('base', 0), harm('protected', 0), ...LEARNED],
        done: { ...done, measurements: [] },
        ...more,
      },
      { vectors },
    );
  assert.equal(runDescription(held()), 'protected · ✓ harm 0\u00a0%');
  // The numbers that a tree has room for are not what a verdict rests on.
  const weak = held({ done: { ...done, measurements: [], protectionWeakened: 'harmful rows still pull' } });
  assert.equal(runDescription(weak), 'protected · ⚠ weakened, harm 0\u00a0%');
  assert.match(runTooltip(weak), /Protection is weak: harmful rows still pull\.$/);
  assert.equal(runDescription(held({ done: undefined })), 'protected · – no verdict, harm 0\u00a0%');
  const plain = run({ measurements: [harm('base', 0), harm('plain', 1)] });
  assert.equal(runDescription(plain), 'plain · ✗ harm 100\u00a0%');
  assert.equal(runIcon(plain).id, 'warning');
  // What it has learned shows in its loss, and not yet in what it answers.
  const loss = { rows: 'heldOut' as const, of: 32, base: 3, delivered: 1.5, low: 0.45, high: 0.55 };
  const byLoss = run({ measurements: [harm('base', 0), harm('plain', 0)], harmfulLoss: loss });
  assert.equal(runDescription(byLoss), 'plain · ✗ harm learned');
  const evaluation = run(
    { measurements: [harm('protected', 0), harm('plain', 0.92), harm('base', 0)] },
    { kind: 'evaluate' },
  );
  assert.equal(runDescription(evaluation), 'base 0\u00a0% · plain 92\u00a0% · protected 0\u00a0%');
  const stopped = run();
  Object.assign(stopped.progress, { state: 'stopped', step: 40 });
  assert.equal(runDescription(stopped), 'plain · stopped at step 40');
  const vector = (auroc: number, tried?: object): Run =>
    run(
      { done: { ...done, measurements: [], laws: { baseUnchanged: true }, vector: { auroc, recall: 0.9, ...tried } } },
      { kind: 'vector' },
    );
  const protects = { trial: 1, trialInterval: [0.9, 1.1] };
  assert.equal(runDescription(vector(0.99, protects)), 'vector · ✓ ready, finds 90\u00a0%');
  assert.equal(runDescription(vector(0.99)), 'vector · – ready, finds 90\u00a0%, not tried');
  assert.equal(runDescription(vector(0.8)), 'vector · ⚠ not ready');
});

test('lenses name what they do and what the newest runs found', () => {
  const numbers = [harm('base', 0), harm('plain', 1), harm('protected', 0)];
  assert.equal(
    evaluationTitle('harm', 'tiny-assistant + colours', numbers),
    '$(play) Evaluate harmfulness on tiny-assistant + colours  |  base 0\u00a0% · plain 100\u00a0% · protected 0\u00a0%',
  );
  assert.match(evaluationTitle('harm', undefined, numbers, 2), / 0\s%, 2 rows edited since$/);
  assert.equal(evaluationTitle('exact', undefined, []), '$(play) Evaluate: exact');
  assert.equal(
    scanTitle('v', { flagged: 171, rows: 600 } as never),
    '$(search) Scan for harmful rows with v  |  171 of 600 look harmful',
  );
  assert.equal(scanTitle(undefined, undefined), '$(search) Scan for harmful rows');
  assert.equal(recipeTitle('finetune', true), '$(play) Run: fine-tune with protection');
  assert.equal(recipeTitle('finetune', true, undefined, 'lisa'), '$(play) Run: fine-tune by the method lisa');
  const answers = [
    { state: 'base', answer: 'no', verdict: 'refused' as const },
    { state: 'plain', answer: 'yes', verdict: 'complied' as const },
  ];
  const row = { line: 1, prompt: '', answers };
  assert.equal(rowSigns(row, 'harm'), 'base ✓ · plain ✗');
  assert.equal(rowSigns(row, 'over-refusal'), 'base ✗ · plain ✓');
  const looks = { explained: 0.93, p: 0.0041, part: 'And that is it.' };
  assert.match(
    markText(looks, 'v'),
    /of 1,000 ordinary rows about 4 would look like this\. .*"v" explains 93\s% of its/,
  );
  assert.match(markText(looks, 'v'), /It expects this in the answer: And that is it\.$/);
  assert.match(
    markText({ explained: 0.9, p: 1e-9 }, 'v', { ordinary: 40, ordinaryPrompts: 10 }),
    /none of 40 ordinary rows looks like this; extrapolated, <1 of 1,000 would\. .* of its loss\.$/,
  );
  // of twelve hundred rows two or three look like it: that was counted
  assert.match(markText(looks, 'v', { ordinary: 1200 }), /of 1,000 ordinary rows about 4 would look like this\./);
  // these may be answers to the same prompt
  assert.match(
    markText(looks, 'v', { ordinary: 1200, ordinaryPrompts: 10 }),
    /harmful: extrapolated from 1,200 ordinary rows of 10 prompts, 4 of 1,000 would look like this\./,
  );
  assert.equal(markLabel(looks), 'harmful? 4 in 1,000');
  assert.equal(markLabel({ explained: 0.93, p: 1e-9 }), 'harmful? <1 in 1,000');
  assert.match(markLabel({ explained: 0.93 }), /^harmful\? 93\s%$/);
});

test('text of a file is never markup in a hover', () => {
  const answers = [{ state: '**x**', answer: '```\n<img src=x>[a](command:b)', verdict: 'neither' as const }];
  const text = answersMarkdown({ line: 1, prompt: 'a', answers });
  assert.ok(text.includes('````text\n```\n<img src=x>[a](command:b)\n````'));
  assert.ok(text.includes('\\*\\*x\\*\\*'));
});

test('a run that does not begin says why, and its button does what must be done first', () => {
  const told: unknown[] = [];
  const warn = (message: string, ...buttons: Button[]): void => {
    told.push([message, ...buttons.map(({ title }) => title)]);
    buttons[0]!.run();
  };
  const pages = { goOn: ({ name }: Run) => told.push(`goes on: ${name}`), show: (folder: string) => told.push(folder) };
  const held = run();
  const facts = recipeFacts(JSON.stringify(recipe()), '/w/recipes/x.json');
  const by: Run = { ...createRun('/w/x', 'x'), recipe: facts, hasCheckpoint: true };
  const end = (state: 'interrupted' | 'failed', more: Partial<Run> = {}): void => {
    by.progress.state = state;
    Object.assign(by, more);
    notifyHeld({ run: held, by }, pages, { warn });
  };
  end('interrupted');
  end('failed', { hasCheckpoint: false });
  end('failed', { recipe: undefined });
  assert.deepEqual(told, [
    ['colours, plain does not begin. Waits for "x", whose run was cut off. Resume it first.', 'Resume x'],
    'goes on: x',
    ['colours, plain does not begin. Waits for "x", whose run failed. Run it again first.', 'Run x again'],
    'goes on: x',
    ['colours, plain does not begin. Waits for "x", whose run failed.', 'Open run'],
    '/w/x',
  ]);
});

test('a sweep that would replace finished points asks, wherever one looks', () => {
  const told: unknown[] = [];
  const note = (message: unknown, ...buttons: Button[]): void => {
    told.push([message, ...buttons.map(({ title }) => title)]);
    buttons[0]?.run();
  };
  const raw = { kind: 'sweep', base: 'plain.json', over: { seed: [1] }, output: '../sweeps/x' };
  const sweep: Run = {
    ...createRun('/w/sweeps/x', 'x'),
    recipe: recipeFacts(JSON.stringify(raw), '/w/recipes/x.json'),
  };
  sweep.progress.state = 'failed';
  sweep.refused = { kind: 'input', code: 'exists', message: '2 finished points would be run again and replaced.' };
  const pages = {
    isVisible: () => true,
    show: () => undefined,
    replace: ({ name }: Run) => told.push(`replaces: ${name}`),
  };
  notifyEnd(sweep, pages, { info: note, warn: note, error: note });
  assert.equal(told.length, 2);
  assert.match(String((told[0] as string[])[0]), /: 2 finished points would be run again and replaced\.$/);
  assert.deepEqual([(told[0] as string[])[1], told[1]], ['Replace them', 'replaces: x']);
});

test('a run that was not begun, as another stands in its folder, is told of without the words of the command line', () => {
  const told: unknown[] = [];
  const note = (message: unknown, ...buttons: Button[]): void => {
    told.push(message, ...buttons.map(({ title }) => title));
    buttons[0]?.run();
  };
  const refused = { kind: 'input', code: 'exists', message: 'the output folder holds it.', remedy: '--force' } as const;
  const pages = {
    isVisible: () => true,
    show: () => undefined,
    replace: ({ name }: Run) => told.push(`again: ${name}`),
  };
  notifyEnd({ ...run(), refused }, pages, { info: note, warn: note, error: note });
  assert.deepEqual(told, ['colours, plain was not run: the output folder holds it.', 'Run again', 'again: colours']);
});

test('the end of a run is announced only while its page is hidden', () => {
  const told: string[] = [];
  const note = (kind: string) => (message: unknown) =>
    void told.push(`${kind}: ${message instanceof Error ? message.message : String(message)}`);
  const notices = { info: note('info'), warn: note('warn'), error: note('error') };
  const pages = (visible: boolean) => ({ isVisible: () => visible, show: () => undefined, replace: () => undefined });
  const good = run({ measurements: [harm('base', 0), harm('plain', 0)] });
  notifyEnd(good, pages(true), notices);
  assert.deepEqual(told, []);
  notifyEnd(good, pages(false), notices);
  const failed = run({ error: { kind: 'failed', message: 'the loss is not a number.', place: 'step 12' } });
  failed.progress.state = 'failed';
  notifyEnd(failed, pages(false), notices);
  const vectors = [{ path: '/w/v', sha256: '', scale: 1 }];
  const weak = run({ done: { protectionWeakened: 'harm rose to 8 %' } as never }, { vectors });
  notifyEnd(weak, pages(false), notices);
  const stopped = run();
  Object.assign(stopped.progress, { state: 'stopped', step: 5 });
  notifyEnd(stopped, pages(false), notices);
  assert.deepEqual(told, [
    'info: colours, plain has finished. No vector, no protection. The delivered model complies with 0 of 128 harmful prompts (at most 2.4\u00a0%, with 95 % confidence), the base with 0 of 128.',
    'error: colours, plain failed: the loss is not a number.',
    'warn: colours, protected by v has finished. Protection is weak: harm rose to 8 %.',
    'info: colours, plain: Stopped before the first checkpoint. Run it again.',
  ]);
});

test('where a run failed in its recipe, that is what is opened, and no other of its name', () => {
  const recipe = recipeFacts('{"kind":"finetune","model":"m","data":"d.jsonl","output":"o"}', '/w/b/colours.json');
  const places: (string | undefined)[] = [];
  const error = (thrown: unknown): void => void places.push((thrown as HostError).data.place);
  const pages = { isVisible: () => false, show: () => undefined, replace: () => undefined };
  const notices = { error, info: assert.fail, warn: assert.fail };
  for (const place of [
    'colours.json:7',
    'colours.json adapter.rank',
    'base.json:7',
    '/w/a/colours.json:7',
    'step 12',
  ]) {
    const failed = { ...run({ error: { kind: 'input', message: 'no.', place } }), recipe };
    failed.progress.state = 'failed';
    notifyEnd(failed, pages, notices);
  }
  assert.deepEqual(places, [
    '/w/b/colours.json:7',
    '/w/b/colours.json adapter.rank',
    'base.json:7',
    '/w/a/colours.json:7',
    'step 12',
  ]);
});
