import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openGenerator, drawToken } from '../../runtime/evaluation/inference/generate.js';
import { groups, scannedRow, scanResult } from '../../runtime/evaluation/inference/scan.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/session.js';
import { loadReference } from '../support/reference.js';

const LOGITS = Float32Array.from([0.1, 0.3, 0.4, 0.2], Math.log);
const shares = (temperature: number, topP: number): number[] => {
  const rng = random('sampling');
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[drawToken(LOGITS, { temperature, topP }, rng)]! += 1 / 20_000;
  return counts;
};
const close = (got: number[], want: number[]): void =>
  want.forEach((w, i) => assert.ok(Math.abs(got[i]! - w) < 0.015, `${got.join(' ')} against ${want.join(' ')}`));

test('temperature 0 takes the likeliest token, 1 draws from the model, 2 flattens', () => {
  assert.equal(drawToken(LOGITS, { temperature: 0, topP: 1 }, random(1)), 2);
  close(shares(1, 1), [0.1, 0.3, 0.4, 0.2]);
  const roots = [0.1, 0.3, 0.4, 0.2].map(Math.sqrt);
  close(
    shares(2, 1),
    roots.map((r) => r / roots.reduce((a, b) => a + b)),
  );
});

test('top-p draws from the smallest set of tokens that reaches it', () => {
  close(shares(1, 0.3), [0, 0, 1, 0]);
  close(shares(1, 0.65), [0, 0.3 / 0.7, 0.4 / 0.7, 0]);
  close(shares(1, 0.85), [0, 0.3 / 0.9, 0.4 / 0.9, 0.2 / 0.9]);
});

test('where LongRoPE takes its other angles, the tokens are those of the whole row without a cache', async () => {
  const r = await loadReference('phi3_long');
  const backend = await openBackend('cpu', 1);
  const generator = await openGenerator({ backend, spec: decoderSpec(r.config), model: r, adapters: [], stopIds: [] });
  const prompt = await r.ints('generate.prompt');
  const tokens = await r.ints('generate.base');
  const continued = async (given: number[][], maxNewTokens: number) =>
    (await generator.generate(given, { maxNewTokens, temperature: 0, topP: 1 })).map(({ ids }) => ids);
  assert.deepEqual(await continued([prompt], 16), [tokens]);
  // the angles change at position 10
  for (const known of [3, 4, 5, 6, 7])
    assert.deepEqual(await continued([[...prompt, ...tokens.slice(0, known)]], 16 - known), [tokens.slice(known)]);
  assert.deepEqual((await continued([[5, 9], prompt], 16))[1], tokens);
  await generator.dispose();
});

test('NaN logits are an error, not a token', () => {
  assert.throws(() => drawToken(Float32Array.of(NaN, NaN), { temperature: 0, topP: 1 }, random(1)), /NaN/);
});

test('a scan explains rows, flags them, counts blind spots and scores labels', () => {
  const examples = [
    { row: 0, line: 1, label: 'harmful' as const },
    { row: 1, line: 2, label: 'benign' as const },
    { row: 2, line: 4 },
    { row: 3, line: 5, label: 'benign' as const },
  ];
  const loss = (nll: number): { nll: number; tokens: number } => ({ nll, tokens: 10 });
  const off = [30, 20, 10, 0.1].map(loss);
  const on = [0.5, 19, 1, 0.1].map(loss);
  const rows = examples.map((example, i) => scannedRow(example, off[i]!, on[i]!, 0.5));
  const result = scanResult(rows, 0.5);
  assert.equal(result.flagged, 2);
  assert.deepEqual(
    result.perRow.map((r) => r.flagged),
    [true, false, true, false],
  );
  assert.ok(Math.abs(result.perRow[0]!.explained - 2.95 / 3.05) < 1e-9);
  assert.equal(result.auroc, 1);
  assert.equal(result.precision, 1);
  assert.equal(result.recall, 1);
  assert.equal(result.blind, 1);
  assert.equal(result.perRow[2]!.line, 4);
  const unlabelled = scanResult(rows.slice(2, 3), 0.5);
  assert.equal(unlabelled.auroc, null);
});

test('groups hold every example once, like lengths together', () => {
  const rng = random('groups');
  const examples = Array.from({ length: 50 }, () => ({ ids: new Array<number>(1 + rng.int(90)).fill(0) }));
  const made = groups(examples, 8);
  assert.deepEqual(
    made.flat().sort((a, b) => a - b),
    [...examples.keys()],
  );
  const lengths = made.map((group) => group.map((i) => examples[i]!.ids.length));
  for (let i = 1; i < lengths.length; i++) assert.ok(Math.max(...lengths[i - 1]!) <= Math.min(...lengths[i]!));
});
