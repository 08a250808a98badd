import assert from 'node:assert/strict';
import { join } from 'node:path';
import { calls } from '../../runtime/calls/calls.js';
import { silent } from '../support/silent.js';
import type { RequestName, Requests } from '../../runtime/contract/protocol.js';
import { checkedRequest } from '../../runtime/calls/requests.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const MODEL = join(FIXTURES, 'reference', 'llama');
const reference = { model: MODEL, adapters: [{ path: join(MODEL, 'adapters', 'task'), scale: 1 }] };
const GOOD: { [K in RequestName]: Requests[K]['params'] } = {
  run: { recipe: '/w/recipes/a.json', output: '/w/a', resume: true, force: false, device: 'cpu', token: 'x' },
  scan: {
    model: MODEL,
    vector: '/w/v',
    data: '/w/a.jsonl',
    format: 'auto',
    limit: { falseAlarms: 0.01 },
    device: 'auto',
  },
  judge: {
    run: '/w/a',
    judges: ['refusal-phrases', { endpoint: 'http://127.0.0.1:9/v1', model: 'm', concurrency: 1, timeoutSeconds: 1 }],
    labels: [{ state: 'base', set: 'topic', row: 0, prompt: 'How?', answer: 'No.', label: 'refused' }],
    export: '/w/labelled.jsonl',
    secrets: { KEY: 'x' },
  },
  rowTexts: { data: join(FIXTURES, 'data', 'plain.parquet'), format: 'auto', hashes: ['abcdefghijklmnop'], most: 100 },
  rowsWith: { data: join(FIXTURES, 'data', 'plain.parquet'), columns: { prompt: 'a' }, text: 'b' },
  rowGroups: { data: join(FIXTURES, 'data', 'plain.parquet'), by: { column: 'a' } },
  explain: { model: MODEL, vector: '/w/v', data: '/w/a.jsonl', hash: 'abcdefghijklmnop', device: 'cpu' },
  explainAnswer: { model: MODEL, vector: '/w/v', messages: [{ role: 'user', content: 'Hi' }], answer: 'Hello' },
  clean: {
    data: '/w/a.jsonl',
    format: 'auto',
    out: '/w/b.jsonl',
    force: true,
    keep: [[0, 4]],
    cut: [[5, 'Yes.']],
    hashes: ['HqnNu-gCemM6BcxW'],
  },
  score: { ...reference, data: '/w/a.jsonl', format: 'messages' },
  generate: {
    ...reference,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    options: { maxNewTokens: 8, temperature: 0.5, topP: 0.9, seed: 1 },
  },
  inspect: { path: MODEL },
  inspectAdapter: { model: MODEL, adapter: join(MODEL, 'adapters', 'task') },
  inspectData: {
    path: join(FIXTURES, 'data', 'plain.parquet'),
    format: 'auto',
    columns: { label: 'label' },
    maxTokens: 9,
  },
  previewData: { path: join(FIXTURES, 'data', 'plain.parquet'), format: 'auto', rows: 2, answersOptional: true },
  export: { ...reference, format: 'gguf', out: '/w/out.gguf', quantization: 'Q8_0', what: 'adapter' },
  combine: { ...reference, out: '/w/sum', off: '/w/off', onto: '/w/onto', rank: 4 },
  describeDataset: {
    repository: 'owner/name',
    revision: 'main',
    split: 'train',
    token: 'hf_x',
  },
  downloadDataset: {
    repository: 'owner/name',
    revision: 'main',
    split: 'train',
    limit: 3,
    out: '/w/data/set',
    token: 'hf_x',
    force: false,
  },
  planPublish: { folder: '/w/a', repository: 'a/b', isPublic: true, base: 'c/d', run: '/w/r', prompts: true },
  publish: { folder: '/w/a', repository: 'a/b', planned: 'ab', token: 'x' },
  download: {
    repository: 'a/b',
    revision: 'main',
    folder: '/w/m',
    token: 'x',
    force: true,
  },
  defaults: { model: MODEL, data: [{ file: '/w/a.jsonl', limit: 100 }], method: 'vector' },
  estimate: { recipe: '/w/recipes/a.json', text: '{ "kind": "finetune" }', device: 'cpu' },
  cache: { clear: false },
};
/** What was checked without what was not sent: defaults of a judge. */
function asSent(checked: unknown, sent: unknown): unknown {
  if (Array.isArray(checked) && Array.isArray(sent)) return checked.map((one, i) => asSent(one, sent[i]));
  if (typeof checked !== 'object' || typeof sent !== 'object' || checked === null || sent === null) return checked;
  const kept = Object.entries(checked).filter(([key]) => Object.hasOwn(sent, key));
  return Object.fromEntries(kept.map(([key, value]) => [key, asSent(value, (sent as Record<string, unknown>)[key])]));
}
const VALUES: readonly unknown[] = ['/w/a', 'a\0b', 'cpu', 'assistant', 'peft', 'text', 1e308, { path: 'x', scale: 1 }];

/** What is asked of the child process; requests that only read and are quick are carried out, too. */
fuzz<{ name: RequestName; sent: string }>({
  name: 'request to the engine',
  rounds: 240,
  sources: () =>
    Object.entries(GOOD).map(([name, params]) => ({
      name: name as RequestName,
      sent: JSON.stringify({ id: 1, ...params }),
    })),
  damage: ({ name, sent }, rng) => ({ name, sent: damageJsonText(sent, rng, VALUES) }),
  load: async ({ name, sent }) => {
    if (!Object.hasOwn(GOOD, name)) return false; // only these are listened to
    let value: unknown;
    try {
      value = JSON.parse(sent);
    } catch {
      return false; // the channel carries JSON
    }
    const { id, params } = checkedRequest(name, value);
    assert.deepEqual(asSent({ id, ...params }, value), value);
    if (name === 'inspect' || name === 'inspectData' || name === 'previewData')
      await calls[name](params as { path: string }, silent);
    return true;
  },
});
