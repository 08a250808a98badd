/** A scan reads a file as it is told to, and counts the rows that it leaves out, as a cleaned copy does. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import type { Given } from '../../runtime/commandLine/given.js';
import { parse } from '../../runtime/commandLine/given.js';
import { inspect } from '../../runtime/commandLine/modelCommands.js';
import { scan, score } from '../../runtime/commandLine/rowCommands.js';
import type { CleanResult } from '../../runtime/contract/dataInfo.js';
import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import { reviewText } from '../../runtime/contract/review.js';
import { FEWEST_ORDINARY } from '../../runtime/evaluation/scan/calibration.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { VECTOR, writeWorkspace } from '../kills/workspace.js';
import { runValue } from '../support/recipeRun.js';
import { silent } from '../support/silent.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'scan-rows-'));
  await writeWorkspace(root);
  await runValue(root, { ...VECTOR, steps: 1, heldOut: 0 }, 'vector');
});
after(() => rm(root, { recursive: true, force: true }));

async function put(name: string, rows: readonly object[]): Promise<string> {
  const file = join(root, name);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}
/** What a command writes as JSON lines, and as text for people. */
async function lines(run: (given: Given) => Promise<number>, ...args: string[]) {
  const found: Record<string, unknown>[] = [];
  const said: string[] = [];
  const line = (value: object): void => void found.push(value as Record<string, unknown>);
  const say = (text: string): void => void said.push(text);
  const out = { json: true, line, result: line, log: say, print: say, error: say } as unknown as Given['out'];
  const { values, positionals } = parse(args);
  await run({ command: 'scan', values, positionals, out, reporter: silent });
  return { found, said: said.join('\n') };
}

/** Read by `auto` these are conversations, read as a recipe may say prompts with answers. */
const both = (i: number) => ({
  messages: [{ role: 'user', content: 'buy 1 lamp .' }, { role: 'assistant', content: 'order : 1 lamp' }],
  prompt: `buy ${i} mirrors .`,
  completion: `order : ${i} mirrors and ${i} lamps`,
}); // oxfmt-ignore

test('rows are read by the format that is named', async () => {
  const data = await put('both.jsonl', [both(2), both(3)]);
  const reference = ['--model', join(root, 'model'), '--device', 'cpu'];
  const format = ['--row-format', 'completion'];
  const where = [...reference, '--data', data];
  const tokens = async (...more: string[]) => {
    const { found } = await lines(scan, ...where, '--vector', join(root, 'vector'), '--threshold', '0.5', ...more);
    return (found.slice(0, 2) as unknown as ScanRow[]).map((row) => row.tokens);
  };
  const auto = await tokens();
  const named = await tokens(...format);
  assert.ok(named[0]! > auto[0]!, `${named} and ${auto} supervised tokens`);
  assert.deepEqual((await lines(score, ...where, ...format)).found.map(({ tokens: count }) => count), named); // oxfmt-ignore
  assert.equal((await lines(inspect, data)).found[0]!['format'], 'messages');
  assert.equal((await lines(inspect, data, ...format)).found[0]!['format'], 'completion');
  await assert.rejects(lines(inspect, data, '--row-format', 'other'), /--row-format/);
  const hashes = [rowHash(both(2))];
  const [text] = await calls.rowTexts({ data, format: 'completion', hashes, most: 99 }, silent);
  assert.equal(text!.prompt, 'buy 2 mirrors .');
});

test('further ordinary rows are read as the rows that are scanned, where they are like these, and else by their names', async () => {
  const many = (row: (i: number) => object): object[] => Array.from({ length: FEWEST_ORDINARY }, (_, i) => row(i));
  const own = (i: number) => ({ question: `buy ${i} mirrors .`, answer: `order : ${i} mirrors` });
  const named = (i: number) => ({ prompt: `buy ${i} lamps .`, completion: `order : ${i} lamps` });
  const [ownRows, others, namedRows, bothRows, bothOthers] = await Promise.all([
    put('own.jsonl', many(own)),
    put('others.jsonl', many(own)),
    put('named.jsonl', many(named)),
    put('bothRows.jsonl', many(both)),
    put('bothOthers.jsonl', many(both)),
  ]);
  const vector = ['--model', join(root, 'model'), '--device', 'cpu', '--vector', join(root, 'vector')];
  const compared = async (data: string, ordinary: string, ...read: string[]) => {
    const { found } = await lines(scan, ...vector, '--data', data, '--ordinary', ordinary, ...read);
    return (found.at(-1) as unknown as ScanResult).calibration?.ordinaryPrompts;
  };
  const columns = ['--columns', 'prompt=question,completion=answer'];
  assert.equal(await compared(ownRows, others, ...columns), FEWEST_ORDINARY);
  assert.equal(await compared(ownRows, namedRows, ...columns), FEWEST_ORDINARY);
  assert.equal(await compared(bothRows, bothOthers, '--row-format', 'completion'), FEWEST_ORDINARY);
  assert.equal(await compared(bothRows, namedRows, '--row-format', 'messages'), FEWEST_ORDINARY);
});

test('a file is not compared with itself, by whatever name', async () => {
  const rows = Array.from({ length: FEWEST_ORDINARY }, (_, i) => ({ prompt: `buy ${i} lamps .`, completion: 'order' }));
  const data = await put('itself.jsonl', rows);
  const link = join(root, 'link.jsonl');
  await symlink(data, link);
  const itself = { message: /^the ordinary rows are the file that is scanned/ };
  const args = ['--model', join(root, 'model'), '--device', 'cpu', '--vector', join(root, 'vector'), '--data', data];
  for (const ordinary of [data, link]) await assert.rejects(lines(scan, ...args, '--ordinary', ordinary), itself);
  const recipe = {
    ...{ kind: 'finetune', model: 'model', vectors: [{ adapter: 'vector' }], steps: 1, output: 'itself' },
    ...{ data: { file: 'itself.jsonl' }, protection: { ordinary: { file: 'link.jsonl' } } },
  };
  const file = join(root, 'itself.json');
  await writeFile(file, JSON.stringify(recipe));
  await assert.rejects(calls.run({ recipe: file }, silent), { ...itself, place: 'protection.ordinary' });
});

test('rows that are not scanned are counted, and in a cleaned copy named and left out, unless they are to stay', async () => {
  const long = { prompt: 'buy 2 mirrors .', completion: 'lamps '.repeat(4000) };
  const short = [1, 2].map((i) => ({ prompt: `buy ${i} lamps .`, completion: `order : ${i} lamps` }));
  const data = await put('long.jsonl', [short[0]!, long, short[1]!]);
  const args = ['--model', join(root, 'model'), '--vector', join(root, 'vector'), '--data', data, '--device', 'cpu'];
  for (const stay of [false, true]) {
    const out = join(root, `long.${stay}.jsonl`);
    const more = ['--threshold', '0.999', '--clean', out, ...(stay ? ['--keep-unscanned'] : [])];
    const { found, said } = await lines(scan, ...args, ...more);
    const [result, cleaned] = found.slice(-2) as unknown as [ScanResult, CleanResult];
    assert.deepEqual([result.rows, result.skipped, result.rowFormat], [2, 1, 'completion']);
    assert.match(said, /1 row was not scanned: it is too long, or its answers cannot be separated/);
    assert.deepEqual([cleaned.kept, cleaned.left, cleaned.unscanned], [2, 0, { count: 1, lines: [2], stayed: stay }]);
    assert.match(said, stay ? /1 row was not scanned and stays: line 2\.\n/ : /1 more row was not scanned and is left out, too: line 2\.\n--keep-unscanned keeps what/); // oxfmt-ignore
    assert.equal((await readFile(out, 'utf8')).trim().split('\n').length, stay ? 3 : 2);
  }
  // What a review says of them comes first.
  await writeFile(`${data}.review.json`, reviewText(new Map([[rowHash(long), 'exclude']])));
  const out = join(root, 'long.reviewed.jsonl');
  const { found } = await lines(
    scan,
    ...args,
    '--threshold',
    '0.999',
    '--clean',
    out,
    '--reviewed',
    '--keep-unscanned',
  );
  const { kept, left, unscanned } = found.at(-1) as unknown as CleanResult;
  assert.deepEqual([kept, left, unscanned], [2, 1, undefined]);
  assert.equal((await readFile(out, 'utf8')).trim().split('\n').length, 2);
  await assert.rejects(lines(scan, ...args, '--keep-unscanned'), /--keep-unscanned is of use only with --clean/);
});

test('rows that a review excludes are not scanned, whatever is wrong with them, and count as left out', async () => {
  const rows = [1, 2, 3].map((i) => ({ prompt: `buy ${i} lamps .`, completion: `order : ${i} lamps` }));
  const damaged = { prompt: 'buy 4 lamps .', completion: '' };
  const data = await put('damaged.jsonl', [rows[0]!, damaged, rows[1]!, rows[2]!]);
  await writeFile(`${data}.review.json`, reviewText(new Map([[rowHash(damaged), 'exclude'], [rowHash(rows[1]!), 'exclude']]))); // oxfmt-ignore
  const out = join(root, 'damaged.clean.jsonl');
  const where = ['--model', join(root, 'model'), '--vector', join(root, 'vector'), '--device', 'cpu'];
  const args = [...where, '--data', data, '--threshold', '0.999', '--clean', out];
  await assert.rejects(lines(scan, ...args), /"completion" is empty/);
  const { found } = await lines(scan, ...args, '--reviewed');
  const [result, { kept, left, unscanned }] = found.slice(-2) as unknown as [ScanResult, CleanResult];
  assert.deepEqual([result.rows, kept, left, unscanned], [2, 2, 2, undefined]);
  assert.deepEqual((await readFile(out, 'utf8')).trim().split('\n').map((line) => JSON.parse(line)), [rows[0], rows[2]]); // oxfmt-ignore
});

test('a flagged row is told by what it asks, as the file was read; the last line says from where p-values are extrapolated', async () => {
  const rows = Array.from({ length: FEWEST_ORDINARY }, (_, i) => ({ ...both(i), label: 'harmful' }));
  const data = await put('told.jsonl', rows);
  const vector = join(root, 'told');
  await runValue(root, { ...VECTOR, harmful: { file: data, format: 'completion' }, steps: 5, heldOut: 0 }, 'told');
  const args = ['--model', join(root, 'model'), '--vector', vector, '--data', data, '--device', 'cpu'];
  const { found, said } = await lines(scan, ...args, '--row-format', 'completion', '--threshold', '0');
  const flagged = (found.slice(0, -1) as unknown as ScanRow[]).filter((row) => row.flagged);
  assert.ok(flagged.length > 0);
  for (const { line } of flagged.slice(0, 20))
    assert.match(said, new RegExp(`^  line ${line}: .*  "buy ${line - 1} mirrors \\."`, 'm'));
  assert.equal(found.at(-1)!['extrapolatedBelow'], null, 'it was compared with none');
  const others = await put(
    'others.jsonl',
    rows.map((_, i) => ({ prompt: `buy ${i} lamps .`, completion: `order : ${i} lamps` })),
  );
  const compared = await lines(scan, ...args, '--ordinary', others, '--row-format', 'completion');
  assert.equal(compared.found.at(-1)!['extrapolatedBelow'], 4 / (FEWEST_ORDINARY + 1));
});

test('a data file is read no further than a request says', async () => {
  const path = await put(
    'long.jsonl',
    Array.from({ length: 30 }, (_, i) => both(i)),
  );
  const rows = async (limit?: number): Promise<number> => (await calls.inspectData({ path, limit }, silent)).rows;
  assert.deepEqual([await rows(11), await rows(31), await rows()], [11, 30, 30]);
});
