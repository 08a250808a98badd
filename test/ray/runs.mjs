/** Runs by the command line, and what is compared of two of them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const CLI = path.resolve(import.meta.dirname, '../../dist/cli.js');

/** The command line on a recipe; `seen` is called with all events so far whenever there is a new one. */
export function train(recipe, { resume = false, command = 'train', seen = () => undefined } = {}) {
  const child = spawn(process.execPath, [CLI, command, recipe, '--json', ...(resume ? ['--resume'] : [])]);
  const events = [];
  let [rest, said] = ['', ''];
  child.stdout.on('data', (data) => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop();
    for (const line of lines) {
      events.push(JSON.parse(line));
      seen(events, child);
    }
  });
  child.stderr.on('data', (data) => (said += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, events, said })));
}

export const stepsOf = (events) => events.filter(({ kind }) => kind === 'step');

/** The events of a run folder. */
export const recorded = async (folder) =>
  (await readFile(path.join(folder, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The steps of a run folder are 1 to `count`, each once. */
export const allOnce = async (folder, count) =>
  assert.deepEqual(
    stepsOf(await recorded(folder)).map(({ step }) => step),
    Array.from({ length: count }, (_, i) => i + 1),
  );

/** What a run says of its protection and its laws. */
export async function verdict(folder) {
  const { done } = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'));
  return { laws: done.laws, weakened: done.protectionWeakened ?? null };
}

/** Names and values of the matrices of an adapter. */
async function matrices(folder) {
  const bytes = await readFile(path.join(folder, 'adapter_model.safetensors'));
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  delete header.__metadata__;
  const data = bytes.subarray(8 + length);
  const values = ({ data_offsets: [start, end] }) =>
    new Float32Array(data.buffer.slice(data.byteOffset + start, data.byteOffset + end));
  return new Map(Object.entries(header).map(([name, tensor]) => [name, values(tensor)]));
}

/** |a − b| / |a| over all matrices of two adapters. */
export async function apart(a, b) {
  const [one, other] = [await matrices(a), await matrices(b)];
  assert.deepEqual([...one.keys()].sort(), [...other.keys()].sort());
  let [difference, size] = [0, 0];
  for (const [name, values] of one)
    values.forEach((value, i) => {
      difference += (value - other.get(name)[i]) ** 2;
      size += value ** 2;
    });
  return Math.sqrt(difference / size);
}
