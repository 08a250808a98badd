/** Publishing to a local Hub: what is listed is what leaves, and the card is what the run proved. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { exportModel } from '../../runtime/export/export.js';
import type { PublishPlan } from '../../runtime/contract/exports.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { planPublish as planned, publish } from '../../runtime/publish/publish.js';
import { downloadModel } from '../../runtime/models/hub/hub.js';
import { readTrained } from '../../runtime/recipes/vectorFiles/trainedFile.js';
import { openModel } from '../../runtime/models/folder.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { writeWeights } from '../export/support.js';
import { cli, FEW_ROWS, jsonLines, sampleWorkspace, type Workspace } from '../calls/support.js';
import { fixture, refused, TOKEN, useHub } from '../support/hubDownloads.js';
import { sha256 } from '../support/hubServer.js';

const { hub, newFolder } = await useHub();
let workspace: Workspace;
let vector: string;
let task: string;

before(async () => {
  workspace = await sampleWorkspace();
  const short = { epochs: undefined, steps: 30, evaluateEvery: 10 };
  const evaluate = [{ name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm', limit: 8 }];
  for (const [name, change] of [
    ['vector.json', { ...short, ...FEW_ROWS }],
    ['plain.json', { ...short, evaluate, output: '../adapters/a|b' }],
  ] as const) {
    const ran = await cli(['train', await workspace.recipe(name, change)]);
    assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  }
  vector = workspace.file('vectors/forbidden-topic');
  task = workspace.file('adapters/a|b');
});
after(() => workspace.remove());
beforeEach(() => (hub.writer = TOKEN));

const NAME = 'someone/made';
type Params = Parameters<typeof planned>[0];
const reporter = (signal = new AbortController().signal) => ({
  signal,
  onProgress: () => undefined,
  onLog: () => undefined,
});
const planPublish = (params: Params) => planned({ token: TOKEN, endpoint: hub.url, ...params }, reporter());
const send = async (params: Omit<Params, 'repository'>, more: { token?: string; planned?: string } = {}) => {
  const { token = TOKEN } = more;
  const plan = await planPublish({ repository: NAME, ...params, token });
  const asked = { repository: NAME, ...params, planned: plan.sha256, token, endpoint: hub.url, ...more };
  return { plan, done: await publish(asked, reporter()) };
};
const names = ({ files }: Pick<PublishPlan, 'files'>) => files.map(({ path }) => path).sort();
const there = () => hub.repositories[NAME]!;

test('an adapter is sent as it was listed, private, and comes back as the same adapter', async () => {
  const { plan, done } = await send({ folder: task });
  assert.deepEqual(names(plan), [
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'security_vector.json',
  ]);
  assert.deepEqual([plan.what, plan.isPublic, done.isPublic, there().private], ['adapter', false, false, true]);
  assert.equal(done.url, `${hub.url}/${NAME}`);
  for (const { path, size, sha256: hash } of plan.files) {
    const sent = there().files[path]!;
    assert.deepEqual([sent.length, sha256(sent)], [size, hash], path);
  }
  const folder = newFolder();
  await downloadModel({ kind: 'adapter', repository: NAME, folder, endpoint: hub.url }, reporter());
  const [before, now] = [await readAdapter(task), await readAdapter(folder)];
  assert.deepEqual([now.role, now.modules, now.provenance], [before.role, before.modules, before.provenance]);
});

test('nothing that is sent names a folder of this machine, or the token', async () => {
  await send({ folder: task });
  await send({ folder: vector });
  for (const [path, content] of Object.entries(there().files)) {
    const text = content.toString('latin1');
    for (const secret of [workspace.path, TOKEN, process.env.HOME ?? '/root'])
      assert.ok(!text.includes(secret), `${path} has ${secret}`);
  }
});

test('a combined adapter names its parts, not where they lay', async () => {
  const folder = newFolder();
  await cp(join(fixture, 'adapters/task'), folder, { recursive: true });
  const part = (path: string) => ({ path, sha256: 'a'.repeat(64), scale: 1 });
  const written = (...paths: string[]) =>
    `${JSON.stringify({ role: 'task', made: { from: paths.map(part), exactRank: 4 } }, null, 2)}\n`;
  await writeFile(
    join(folder, 'security_vector.json'),
    written(workspace.file('loras/polite'), join(task, 'adapter'), 'C:\\Users\\me\\short\\adapter', 'named'),
  );
  await send({ folder });
  const sent = there().files['security_vector.json']!.toString();
  assert.equal(sent, written('polite', 'a|b', 'short', 'named'));
});

test('the card names base, data by hash, method, the table of the verdict and limits', async () => {
  const { plan } = await send({ folder: task, base: 'owner/tiny-assistant' });
  const manifest = await workspace.json<Manifest>('adapters', 'a|b', 'manifest.json');
  const { card } = plan;
  assert.match(card, /^---\nlibrary_name: peft\npipeline_tag: text-generation\nbase_model: owner\/tiny-assistant\n/);
  assert.match(card, /SHA-256 of its weights: `[0-9a-f]{64}`/);
  assert.ok(card.includes(manifest.model.sha256));
  for (const { path, rows, sha256: hash } of manifest.data)
    assert.ok(card.includes(`| ${basename(path).replaceAll('_', '\\_')} | ${rows} | ${hash} |`), card);
  assert.match(card, /\| adapter\.rank \| 8 \|/);
  assert.match(card, /\| kind \| finetune \|/);
  assert.match(card, /## Results\n\n✗ No vector, no protection: .*complies with 8 of 8/);
  assert.match(card, /\| base \| 0\s%/);
  assert.match(card, /## Limits\n\n- Only what the table says was measured/);
  assert.equal(there().files['README.md']!.toString(), card);
  const config = JSON.parse(there().files['adapter_config.json']!.toString()) as Record<string, unknown>;
  assert.equal(config.base_model_name_or_path, 'owner/tiny-assistant');
});

/** A copy of a run, whose files can be changed. */
async function changedRun() {
  const run = newFolder();
  await cp(task, run, { recursive: true });
  const change = async (name: string, more: (json: Record<string, unknown>) => object): Promise<void> => {
    const json = JSON.parse(await readFile(join(run, name), 'utf8')) as Record<string, unknown>;
    await writeFile(join(run, name), JSON.stringify({ ...json, ...more(json) }));
  };
  return { run, change };
}

test('the card says under what the numbers hold: weights in few bits, a system prompt of the evaluation', async () => {
  const { run, change } = await changedRun();
  const results = async (): Promise<[method: string, before: string]> => {
    const { card } = await planPublish({ folder: run, repository: NAME });
    const [, method, before] = /## Method\n([^]*?)## Results\n\n([^]*?)✗ No vector/.exec(card)!;
    return [method!, before!];
  };
  assert.equal((await results())[1], '');
  await change('manifest.json', () => ({ precision: 'int4' }));
  await change('recipe.json', () => ({ precision: 'int4' }));
  const [method, before] = await results();
  assert.match(method, /\| precision \| "int4" \|/);
  assert.match(before, /^Measured with the frozen weights in 4 bits; .*\n\n$/);
  const prompt = 'Refuse what is forbidden.\nAlways.';
  const on = { ray: 'http://head:8265', model: '/m', storage: '/s', precision: 'bf16' };
  await change('manifest.json', () => ({ precision: undefined }));
  await change('recipe.json', () => ({ precision: 'float32', on, baseline: { name: 'ptst', prompt } }));
  const [asked, behind] = await results();
  assert.match(asked, /\| on\.precision \| "bf16" \|/);
  assert.ok(asked.includes('| baseline.prompt | "Refuse what is forbidden.'), asked);
  assert.match(behind, /^The model was asked with this system prompt; .*: `Refuse what is forbidden. Always.`\n\n$/);
  await change('recipe.json', () => ({ baseline: { name: 'inoculation', prompt } }));
  assert.equal((await results())[1], '', 'that prompt is one of training');
});

test('of a model with images the card says so, and an adapter keeps by what PEFT’s Auto classes load it', async () => {
  const base = join(fixture, '..', 'mistral3');
  assert.match((await planPublish({ folder: base, repository: NAME })).card, /\npipeline_tag: image-text-to-text\n/);
  const folder = newFolder();
  await cp(join(fixture, 'adapters/task'), folder, { recursive: true });
  const auto_mapping = { base_model_class: 'Mistral3ForConditionalGeneration', parent_library: 'transformers' };
  const file = join(folder, 'adapter_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, task_type: null, auto_mapping }));
  await send({ folder });
  const sent = JSON.parse(there().files['adapter_config.json']!.toString()) as Record<string, unknown>;
  assert.deepEqual([sent.task_type, sent.auto_mapping], [null, auto_mapping]);
});

test('the card names files, never their folders, on whatever system they lay and wherever the recipe names them', async () => {
  const { run, change } = await changedRun();
  const windows = (name: string) => `C:\\Users\\jane\\acme\\${name}`;
  await change('manifest.json', (json) => ({
    model: { ...(json.model as object), path: windows('base') },
    data: [{ path: windows('train.jsonl'), rows: 3, sha256: 's' }],
    vectors: [{ path: windows('mine\\adapter'), sha256: 's', scale: 1 }],
  }));
  await change('recipe.json', () => ({
    protection: { flagged: 'auto', ordinary: { file: '/home/jane/acme/ordinary.jsonl' }, anchor: false },
  }));
  const { card } = await planPublish({ folder: run, repository: NAME });
  assert.doesNotMatch(card, /jane|acme|Users/);
  for (const name of ['| train.jsonl |', '`mine` (scale 1', '"file":"ordinary.jsonl"'])
    assert.ok(card.includes(name), `${name} is not in ${card}`);
});

test('a vector is published with a warning and without its prompts, unless they are asked for', async () => {
  const { plan } = await send({ folder: vector });
  assert.equal(plan.what, 'vector');
  assert.ok(!names(plan).includes('prompts.jsonl') && names(plan).includes('calibration.json'));
  assert.match(plan.card, /\[!WARNING\]\n> A model with this adapter attached answers requests/);
  const { plan: more } = await send({ folder: vector, prompts: true });
  assert.ok(names(more).includes('prompts.jsonl'));
  await refused(planPublish({ folder: task, repository: NAME, prompts: true }), /no prompts\.jsonl/, /--with-prompts/);
});

test('with a vector goes what it was trained on, as hashes, so that whoever brings it judges by no prompt of these', async () => {
  const { plan } = await send({ folder: vector });
  assert.ok(names(plan).includes('trained.json'));
  const folder = newFolder();
  await downloadModel({ kind: 'adapter', repository: NAME, folder, endpoint: hub.url }, reporter());
  const trained = await readTrained(folder);
  assert.deepEqual(trained, await readTrained(vector));
  assert.ok(trained!.size > 0 && [...trained!].every((name) => /^[\w-]{16}$/.test(name)));
});

test('a model is published from the folder of an export, with the run that is named', async () => {
  const folder = newFolder();
  const model = workspace.file('tiny-assistant');
  const exported = await cli([
    'export',
    '--model',
    model,
    '--adapter',
    task,
    '--format',
    'safetensors',
    '--out',
    folder,
  ]);
  assert.equal(exported.code, 0, exported.stderr);
  await writeFile(join(folder, 'notes.txt'), 'private');
  const forImages = ['preprocessor_config.json', 'processor_config.json', 'video_preprocessor_config.json'];
  for (const name of forImages) await writeFile(join(folder, name), '{}');
  const config = await readFile(join(folder, 'config.json'), 'utf8');
  await writeFile(join(folder, 'config.json'), config.replace('{', `{ "_name_or_path": "${workspace.path}",`));
  const { plan } = await send({ folder, run: task });
  assert.deepEqual(names(plan), [
    ...['README.md', 'config.json', 'generation_config.json', 'model.safetensors', ...forImages.slice(0, 2)],
    ...['tokenizer.json', 'tokenizer_config.json', ...forImages.slice(2)],
  ]);
  assert.ok(!there().files['config.json']!.includes(workspace.path));
  assert.match(plan.card, /library_name: transformers/);
  assert.match(plan.card, /named by the publisher; .* cannot be checked/);
});

test('of a model in several files all weights are sent, whatever their names, and no file that is not read', async () => {
  const folder = newFolder();
  await mkdir(folder);
  await cp(join(fixture, 'config.json'), join(folder, 'config.json'));
  await writeWeights(fixture, folder, 'F32', 2);
  await cp(join(folder, 'model-1.safetensors'), join(folder, 'model-00001-of-00001.safetensors'));
  const { plan } = await send({ folder });
  const index = 'model.safetensors.index.json';
  assert.deepEqual(names(plan), ['README.md', 'config.json', 'model-1.safetensors', 'model-2.safetensors', index]);
  const back = newFolder();
  await downloadModel({ kind: 'model', repository: NAME, folder: back, endpoint: hub.url }, reporter());
  assert.equal((await openModel(back, { cache: back })).tensors.size, (await openModel(folder, { cache: back })).tensors.size); // oxfmt-ignore
  await writeWeights(fixture, folder, 'F32');
  assert.deepEqual(names((await send({ folder })).plan), ['README.md', 'config.json', 'model.safetensors']);
});

test('configs of a model are sent without the places on this machine that they name, and else as they are written', async () => {
  const folder = newFolder();
  await cp(workspace.file('tiny-assistant'), folder, { recursive: true });
  const change = async (name: string, more: string): Promise<string> => {
    const text = await readFile(join(folder, name), 'utf8');
    await writeFile(join(folder, name), text.replace('{', `{ ${more},`));
    return text;
  };
  const config = await change(
    'config.json',
    '"_name_or_path": "../models/base", "inner": { "_name_or_path": "/home/alice/m" }',
  );
  await change(
    'tokenizer_config.json',
    String.raw`"name_or_path": "/home/alice/secret/base", "special_tokens_map_file": "/home/alice/.cache/x.json",
    "big": 1000000000000000019884624838656, "unk": "/", "tokenizer_file": "C:\\Users\\alice\\t.json"`,
  );
  await change('generation_config.json', '"_name_or_path": "owner/base", "cache_dir": "\\\\\\\\server\\\\alice"');
  const { plan } = await send({ folder });
  const sent = (name: string): string => there().files[name]!.toString();
  for (const name of names(plan)) assert.doesNotMatch(sent(name), /alice|\.\.\/models/, name);
  assert.match(sent('tokenizer_config.json'), /"big": 1000000000000000019884624838656, "unk": "\/"/);
  assert.equal((JSON.parse(sent('generation_config.json')) as { _name_or_path: string })._name_or_path, 'owner/base');
  assert.deepEqual(JSON.parse(sent('config.json')), { inner: {}, ...(JSON.parse(config) as object) });
});

test('what is no result, or not the run’s, is refused with what was expected', async () => {
  const empty = newFolder();
  await mkdir(empty);
  const plan = (params: Partial<Params>) => planPublish({ folder: task, repository: NAME, ...params });
  await refused(plan({ folder: empty }), /nothing to publish/, /run folder, an adapter .* or a model/);
  await refused(plan({ run: vector }), /not the ones that the run made/, /--run/);
  const exported = async (scale: number): Promise<string> => {
    const out = newFolder();
    const base = workspace.file('tiny-assistant');
    await exportModel(
      { model: base, adapters: [{ path: task, scale }], format: 'peft', what: 'model', out },
      { ...reporter(), cache: out },
    );
    return out;
  };
  assert.match((await plan({ folder: await exported(1), run: task })).card, /## Results/);
  await refused(plan({ folder: await exported(-2), run: task }), /at another scale/, /Name no run/);
  for (const repository of ['made', 'a/b/c', '../x'])
    await refused(plan({ repository }), /not the name/, /OWNER\/NAME/);
});

test('nothing is sent that was not listed, nor without a token, nor into a public repository', async () => {
  await refused(send({ folder: task }, { planned: 'other' }), /has changed since it was listed/, /new list/);
  const changing = newFolder();
  await cp(join(fixture, 'adapters/task'), changing, { recursive: true });
  const plan = await planPublish({ folder: changing, repository: NAME });
  await cp(join(fixture, 'adapters/rslora'), changing, { recursive: true });
  const asked = { folder: changing, repository: NAME, planned: plan.sha256, token: TOKEN, endpoint: hub.url };
  await refused(publish(asked, reporter()), /has changed since it was listed/, /Publish again/);
  await refused(send({ folder: task }, { token: '' }), /needs an access token/, /HF_TOKEN/);
  await refused(send({ folder: task }, { token: 'hf_other' }), /not allowed to write there \(401\)/, /right to write/);
  assert.equal(there(), undefined, 'nothing is there');
  hub.repositories[NAME] = { files: {}, private: false };
  await refused(send({ folder: task }), /already exists and is public; nothing was sent/, /--public/);
  assert.deepEqual(there().files, {});
  assert.equal((await send({ folder: task, isPublic: true })).done.isPublic, true);
});

test('files of an earlier upload that would be read instead of the new ones are listed and removed, others stay', async () => {
  const folder = newFolder();
  await mkdir(folder);
  await cp(join(fixture, 'config.json'), join(folder, 'config.json'));
  await writeWeights(fixture, folder, 'F32', 2);
  const read = ['added_tokens.json', 'chat_template.jinja', 'generation_config.json', 'tokenizer.model', 'vocab.json'];
  const others = ['LICENSE', 'notes.txt', 'sub/model.safetensors', 'sub/tokenizer.json'];
  const old = ['model.safetensors', 'adapter_config.json', 'calibration.json', 'README.md', ...read, ...others];
  hub.repositories[NAME] = { files: Object.fromEntries(old.map((path) => [path, Buffer.from(path)])), private: true };
  const { plan } = await send({ folder });
  assert.deepEqual(plan.removed, ['adapter_config.json', 'calibration.json', 'model.safetensors', ...read].sort());
  assert.deepEqual(Object.keys(there().files).sort(), [...names(plan), ...others].sort());
  await writeWeights(fixture, folder, 'F32');
  assert.deepEqual((await send({ folder })).plan.removed, ['model.safetensors.index.json']);

  await refused(send({ folder: vector }), /this repository holds a model/, /a repository of its own/);
  assert.ok(!('adapter_config.json' in there().files));
  delete there().files['model.safetensors'];
  await send({ folder: vector, prompts: true });
  assert.deepEqual((await send({ folder: vector })).plan.removed, ['prompts.jsonl']);
  const plain = newFolder();
  await cp(join(fixture, 'adapters/task'), plain, { recursive: true });
  const beside = ['calibration.json', 'security_vector.json', 'trained.json'];
  assert.deepEqual((await send({ folder: plain })).plan.removed, beside);
  assert.ok('LICENSE' in there().files, 'what an adapter is not mixed up with stays');
  const { sha256: before } = await planPublish({ folder: plain, repository: NAME });
  there().files['calibration.json'] = Buffer.from('{}');
  await refused(
    send({ folder: plain }, { planned: before }),
    /or the repository has changed since it was listed/,
    /new list/,
  );
  assert.ok('calibration.json' in there().files);
});

test('the token goes to the Hub and not to its storage; what is there is not sent twice', async () => {
  await send({ folder: task });
  const puts = () => hub.requests.filter(({ method }) => method === 'PUT');
  assert.equal(puts().length, 1);
  for (const { server, authorization } of hub.requests)
    assert.equal(authorization, server === 'hub' ? `Bearer ${TOKEN}` : undefined);
  await send({ folder: task });
  assert.equal(puts().length, 1);
});

test('a Hub that lists other files than were sent, a server error and a request to stop are told apart', async () => {
  const asked = async () => ({
    ...{ folder: task, repository: NAME, token: TOKEN, endpoint: hub.url },
    planned: (await planPublish({ folder: task, repository: NAME })).sha256,
  });
  hub.faults.statuses = [{ at: 'storage', status: 500 }];
  await refused(publish(await asked(), reporter()), /storage .* status 500/, /Publish again later/);
  hub.faults.instead = (at, _, response) => {
    if (at === 'tree') response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
    return at === 'tree';
  };
  await refused(publish(await asked(), reporter()), /lists another README\.md than was sent/, /Publish again/);
  hub.faults.instead = undefined;
  const abort = new AbortController();
  abort.abort();
  await assert.rejects(publish(await asked(), reporter(abort.signal)), Cancelled);
});

test('the command line lists what leaves, and asks for --yes where nobody can answer', async () => {
  const env = { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: TOKEN };
  const silent = await cli(['publish', task, '--to', NAME], { env });
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /To someone\/made, private:\n {2}README\.md/);
  assert.match(silent.stderr, /add --yes/);
  assert.equal(silent.stdout, '');
  assert.equal(there(), undefined);
  hub.repositories[NAME] = { files: { 'calibration.json': Buffer.from('{}') }, private: true };
  const ran = await cli(['publish', task, '--to', NAME, '--yes', '--json'], { env });
  assert.match(ran.stderr, /calibration\.json {2}is removed there/);
  assert.ok(!('calibration.json' in there().files));
  assert.equal(ran.code, 0, ran.stderr);
  const [done] = jsonLines<{ isPublic: boolean; url: string }>(ran.stdout);
  assert.deepEqual([done!.isPublic, done!.url], [false, `${hub.url}/${NAME}`]);
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes(TOKEN));
});
