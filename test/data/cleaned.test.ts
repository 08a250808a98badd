/** A data file without what a scan found in it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { link, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { checkCleaned, writeCleaned } from '../../runtime/data/cleaned.js';
import { rowHash } from '../../runtime/data/rowHash.js';
import { withAnswer } from '../../runtime/data/withAnswer.js';
import { cli } from '../calls/support.js';
import { cleaned, hashesOf } from '../support/cleaned.js';
import { watch } from '../support/faults.js';

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'cleaned-'))));
after(() => rm(folder, { recursive: true }));
const put = async (name: string, text: string | Buffer): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};

test('rows that were not scanned are counted and named, and stay where that is asked for', async () => {
  const rows = ['a', 'b', 'too long', 'c', 'another'].map((completion) => JSON.stringify({ prompt: 'p', completion }));
  const data = await put('unscanned.jsonl', rows.map((row) => `${row}\n`).join(''));
  for (const stay of [false, true]) {
    const out = join(folder, `unscanned.${stay}.jsonl`);
    const unscanned = { stay, left: [[1, 1]] as [number, number][] };
    const { kept, left, unscanned: others } = await cleaned({ data, out, keep: [[0, 0], [3, 3]], cut: [], unscanned }); // oxfmt-ignore
    assert.deepEqual([kept, left, others], [2, 1, { count: 2, lines: [3, 5], stayed: stay }]);
    const expected = rows.filter((_, row) => row !== 1 && (stay || (row !== 2 && row !== 4)));
    assert.deepEqual((await readFile(out, 'utf8')).trim().split('\n'), expected);
  }
});

test('of rows that were not scanned a person may have decided: excluded ones are left out and fine ones stay', async () => {
  const rows = ['a', 'bad', 'too long', 'excluded', 'fine', 'c'].map((completion) => ({ prompt: 'p', completion }));
  const data = await put('decided.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const hash = (row: number): string => rowHash(rows[row]!);
  // The first two are scanned.
  const scanned = [0, 1].map((row) => ({ row, hash: hash(row), flagged: row === 1 }));
  const decisions = new Map([[hash(3), 'exclude'], [hash(4), 'fine'], [hash(5), 'unsure'], [hash(1), 'exclude']] as const); // oxfmt-ignore
  for (const unscanned of ['leave', 'keep'] as const) {
    const out = join(folder, `decided.${unscanned}.jsonl`);
    const cleaning = cleaningOf(scanned, decisions, { unscanned });
    const { kept, left, unscanned: others } = await writeCleaned({ data, out, ...cleaning });
    assert.deepEqual([kept, left, others], [2, 2, { count: 2, lines: [3, 6], stayed: unscanned === 'keep' }]);
    const written = (await readFile(out, 'utf8')).trim().split('\n').map((row) => (JSON.parse(row) as { completion: string }).completion); // oxfmt-ignore
    assert.deepEqual(written, unscanned === 'keep' ? ['a', 'too long', 'fine', 'c'] : ['a', 'fine']);
  }
});

test('rows keep their bytes and order; cut ones have another answer, all others are left out', async () => {
  const data = await put(
    'a.jsonl',
    [
      '{"prompt": "a",  "completion": "caf\\u00e9"}',
      '',
      '{"prompt": "b", "completion": "Right. And more.", "note": 1.0}\r',
      '{"prompt": "c", "completion": "all bad"}',
      '{"prompt": "d", "completion": "Fine."}',
      '{"prompt": "e", "completion": "not scanned"}',
    ].join('\n'),
  );
  const out = join(folder, 'a.clean.jsonl');
  const result = await cleaned({ data, out, keep: [[0, 0], [3, 3]], cut: [[1, 'Right.']] }); // oxfmt-ignore
  assert.equal(
    await readFile(out, 'utf8'),
    [
      '{"prompt": "a",  "completion": "caf\\u00e9"}',
      '{"prompt": "b", "completion": "Right.", "note": 1.0}\r',
      '{"prompt": "d", "completion": "Fine."}',
      '',
    ].join('\n'),
  );
  const { changes, ...counts } = result;
  assert.deepEqual(counts, { path: out, kept: 2, cut: 1, left: 2 });
  assert.equal(
    changes,
    [
      '--- a.jsonl',
      '+++ a.clean.jsonl',
      '@@ -3 +2 @@',
      '-{"prompt": "b", "completion": "Right. And more.", "note": 1.0}',
      '+{"prompt": "b", "completion": "Right.", "note": 1.0}',
      '@@ -4 +2,0 @@',
      '-{"prompt": "c", "completion": "all bad"}',
      '@@ -6 +3,0 @@',
      '-{"prompt": "e", "completion": "not scanned"}',
      '',
    ].join('\n'),
  );
});

test('the difference names the lines of the new file, whatever stays and however many lines a row takes', async () => {
  const lines = ({ changes }: { changes: string }): string[] => changes.match(/^@@ .* @@$/gm) ?? [];
  const row = (completion: string): string => JSON.stringify({ prompt: 'p', completion });
  const jsonl = await put('at.jsonl', ['a', 'long', 'b', 'b. c', 'd'].map((one) => `${row(one)}\n`).join(''));
  const kept = { keep: [[0, 0]] as [number, number][], cut: [[3, 'b']] as [number, string][] };
  const unscanned = { stay: true, left: [[2, 2]] as [number, number][] };
  const out = join(folder, 'at.clean.jsonl');
  assert.deepEqual(lines(await cleaned({ data: jsonl, out, ...kept, unscanned })), ['@@ -3 +2,0 @@', '@@ -4 +3 @@']);
  // A header, an empty line that is not written again, and cells of several lines.
  const csv = await put('at.csv', '\ufeffprompt,completion\r\nx,y\r\n"a\r\nb",c\r\n\r\nd,"e. f"\r\ng,h\r\n');
  const table = { data: csv, keep: [[1, 1]] as [number, number][], cut: [[2, 'e.']] as [number, string][] };
  const shown = ['@@ -2 +1,0 @@', '@@ -6 +4 @@', '@@ -7 +4,0 @@'];
  const csvOut = join(folder, 'at.clean.csv');
  assert.deepEqual(lines(await cleaned({ ...table, out: csvOut })), shown);
  assert.equal((await readFile(csvOut, 'utf8')).split('\r\n')[3], 'd,e.');
  assert.deepEqual(lines(await cleaned({ ...table, out: join(folder, 'csv.jsonl') })), ['@@ -2 +0,0 @@', '@@ -6 +2 @@', '@@ -7 +2,0 @@']); // oxfmt-ignore
  const list = await put(
    'at.json',
    `[\n  ${row('x')},\n  {\n    "text": "a"\n  },\n\n  ${row('b. c')},\n  ${row('d')}\n]\n`,
  );
  const listOut = join(folder, 'at.clean.json');
  const found = await cleaned({ data: list, out: listOut, format: 'completion', keep: [[1, 1]], cut: [[2, 'b.']] });
  assert.deepEqual(lines(found), ['@@ -2 +1,0 @@', '@@ -7 +6 @@', '@@ -8 +6,0 @@']);
  assert.equal((await readFile(listOut, 'utf8')).split('\n')[5], `  ${row('b.')}`);
});

test('the difference of a table shows its lines, as they are in both files', async () => {
  const data = await put('lines.csv', 'prompt,completion,note\n"a","b. c","x\ny"\nd,e,\n"f",g,h');
  const out = join(folder, 'lines.clean.csv');
  const { changes } = await cleaned({ data, out, keep: [[1, 1]], cut: [[0, 'b.']] });
  const [, , ...shown] = changes.split('\n');
  assert.deepEqual(shown, ['@@ -2,2 +2,2 @@', '-"a","b. c","x', '-y"', '+a,b.,"x', '+y"', '@@ -5 +4,0 @@', '-"f",g,h', '']); // oxfmt-ignore
  const json = await cleaned({ data, out: join(folder, 'lines.jsonl'), keep: [[1, 1]], cut: [[0, 'b.']] });
  assert.match(json.changes, /^-\{"prompt":"a","completion":"b\. c".*\n\+\{"prompt":"a","completion":"b\."/m);
});

test('of a table the difference of a row of many lines begins where it shows them', async () => {
  const above = Array.from({ length: 60 }, (_, i) => `line ${i}`).join('\n');
  const data = await put('deep.csv', `prompt,completion\n"${above}","b. c"\n`);
  const { changes } = await cleaned({ data, out: join(folder, 'deep.clean.csv'), keep: [], cut: [[0, 'b.']] });
  const [, start, lines] = /@@ -(\d+),(\d+) /.exec(changes)!;
  assert.equal(Number(start) + Number(lines), 2 + 60);
});

test('of a long row the difference shows some, and that is where it changed', async () => {
  const long = 'word '.repeat(400);
  const rows = [long, `${long}Right. And more. ${long}`, `${'😀'.repeat(400)}`];
  const data = await put('long.jsonl', rows.map((completion) => `${JSON.stringify({ prompt: 'p', completion })}\n`).join('')); // oxfmt-ignore
  const out = join(folder, 'long.clean.jsonl');
  const { changes } = await cleaned({ data, out, keep: [], cut: [[1, `${long}Right.`]] });
  const sides = changes.split('\n').filter((line) => /^[-+][^-+]/.test(line));
  assert.deepEqual(sides.map((line) => line.slice(0, 2)), ['-{', '-…', '+…', '-{']); // oxfmt-ignore
  assert.ok(
    sides.every((line) => line.length <= 303 && !/[\uD800-\uDFFF]/u.test(line)),
    sides.join('\n'),
  );
  assert.match(sides[1]!, /word Right\. And more\. word .*…$/);
  assert.match(sides[2]!, /word Right\."\}$/);
  assert.equal(JSON.parse((await readFile(out, 'utf8')).trim()).completion, `${long}Right.`);
});

test('other kinds of files become JSON lines', async () => {
  const csv = await put('b.csv', 'prompt,completion\na,"x, y"\nb,z\n');
  const out = join(folder, 'b.jsonl');
  await cleaned({ data: csv, out, keep: [[0, 0]], cut: [] });
  assert.equal(await readFile(out, 'utf8'), '{"prompt":"a","completion":"x, y"}\n');
  const list = await put('c.json', '[\n  {\n    "text": "a"\n  },\n  {"text": "b"}\n]');
  const lines = join(folder, 'c.jsonl');
  await cleaned({ data: list, out: lines, keep: [[0, 1]], cut: [] });
  assert.equal(await readFile(lines, 'utf8'), '{"text":"a"}\n{"text": "b"}\n');
});

test('a file of the same kind keeps the bytes of its rows, and what stands around them', async () => {
  const crlf = '{"text": "a"}\r\n\n{"text":  "b"}\r\nnot JSON\n{"text": "c"}';
  const [a, b, c] = [
    '{\n    "prompt": "a", "completion": "é"\n  }',
    '{"prompt": "b", "completion": "x, y"}',
    '{ "prompt":"c" }',
  ];
  const list = (...rows: (string | undefined)[]): string => `\ufeff[\n  ${rows.join(',\n  ')}\n]\n`;
  const [head, one, two, three] = [
    '\ufeffid;"prompt";completion\r\n',
    '1;a;"x; \r\n""y"""\r\n',
    '2;"b";é\r\n',
    '\r\n3;c;z',
  ];
  const cases: [name: string, text: string, keep: [number, number][], cut: [number, string][], result: string][] = [
    ['e.jsonl', crlf, [[0, 1]], [], '{"text": "a"}\r\n{"text":  "b"}\r\n'],
    ['e.jsonl', crlf, [[3, 3]], [], '{"text": "c"}'],
    ['e.ndjson', '\ufeff{"text": "a"}\n{"text": "b"}\n', [[1, 1]], [], '\ufeff{"text": "b"}\n'],
    ['e.json', list(a, b, c), [[0, 2]], [], list(a, b, c)],
    ['e.json', list(a, b, c), [[1, 2]], [], list(b, c)],
    ['e.json', list(a, b, c), [[0, 0], [2, 2]], [], list(a, c)],
    ['e.json', list(a, b, c), [[0, 1]], [], list(a, b)],
    ['e.json', list(a, b, c), [[0, 0]], [[1, 'x']], list(a, '{"prompt": "b", "completion": "x"}')],
    ['e.json', list(a, b, c), [], [], '[]\n'],
    ['e.csv', head + one + two + three, [[0, 2]], [], head + one + two + three],
    ['e.csv', head + one + two + three, [[1, 1]], [], head + two],
    ['e.csv', head + one + two + three, [[2, 2]], [[0, 'say "x"; y']], `${head}1;a;"say ""x""; y"\r\n${three}`],
    ['e.csv', 'prompt,completion\na,b\r\nc,d\n\ne,f', [], [[0, 'x'], [1, 'y'], [2, 'z']], 'prompt,completion\na,x\r\nc,y\ne,z'],
    ['e.csv', head + one + two + three, [], [], head],
    ['e.tsv', 'prompt\tcompletion\na\t"b\tc"\nd\te\n', [[0, 0]], [], 'prompt\tcompletion\na\t"b\tc"\n'],
  ]; // oxfmt-ignore
  for (const [name, text, keep, cut, result] of cases) {
    const data = await put(name, text);
    const out = join(folder, `clean-${name}`);
    await cleaned({ data, out, keep, cut, force: true });
    assert.equal(await readFile(out, 'utf8'), result, JSON.stringify([name, keep, cut]));
  }
});

test('a packed file becomes JSON lines, which are not packed', async () => {
  const rows = ['{"text": "a"}', '{"text": "b"}', '{"text": "c"}'];
  const lines = await put('g.jsonl.gz', gzipSync(rows.join('\n')));
  const csv = await put('g.csv.gz', gzipSync('text\na\nb\nc\n'));
  const out = join(folder, 'g.jsonl');
  for (const [data, result] of [
    [lines, `${rows[0]}\n${rows[2]}\n`],
    [csv, '{"text":"a"}\n{"text":"c"}\n'],
  ] as const) {
    await cleaned({ data, out, keep: [[0, 0], [2, 2]], cut: [], force: true }); // oxfmt-ignore
    assert.equal(await readFile(out, 'utf8'), result);
  }
  for (const [data, name] of [
    [lines, 'h.jsonl.gz'],
    [lines, 'h.JSONL.GZ'],
    [csv, 'h.csv.gz'],
    [csv, 'h.csv'],
    [out, 'h.jsonl.gz'],
  ] as const)
    await assert.rejects(cleaned({ data, out: join(folder, name), keep: [[0, 0]], cut: [] }), {
      message: /JSON lines/,
      remedy: 'Give a file that ends in .jsonl.',
    });
});

test('values keep their digits and their spelling, also where a list becomes lines and where an answer is cut', async () => {
  const chat = '{"id": 1234567890123456789, "messages": [{"role": "assistant",\n "content": "a \\\\ \\" b. c"}, {"role": "user", "content": "q"}],\n "x": 1.0, "y": "\\u00e9 \\" ,  x", "z": 1e2}'; // oxfmt-ignore
  const twice = '{"messages": [{"role": "assistant", "content": "first", "content": "a. b"}]}';
  const list = await put('digits.json', `[${chat},\n${twice}]`);
  const out = join(folder, 'digits.jsonl');
  const lines = async (keep: [number, number][], cut: [number, string][]): Promise<string[]> => {
    await cleaned({ data: list, out, keep, cut, force: true });
    return (await readFile(out, 'utf8')).trimEnd().split('\n');
  };
  const one = chat.replaceAll('\n ', '').replaceAll(/([:,\]}]) (?=["[{\d])/g, '$1');
  const [first, second] = await lines([[0, 1]], []);
  assert.equal(first, one);
  assert.deepEqual(JSON.parse(first!), JSON.parse(chat));
  assert.equal(second, twice);
  assert.deepEqual(await lines([], [[0, 'a "b".'], [1, 'a.']]), [one.replace('a \\\\ \\" b. c', 'a \\"b\\".'), '{"messages": [{"role":"assistant","content":"a."}]}']); // oxfmt-ignore
});

test('of a Parquet file all columns are kept', async () => {
  const data = join(import.meta.dirname, '../fixtures/data/wide.parquet');
  const out = join(folder, 'wide.jsonl');
  await cleaned({ data, out, keep: [[0, 1]], cut: [] });
  assert.equal(
    await readFile(out, 'utf8'),
    '{"id":"1152921504606846977","prompt":"a","completion":"c","answer":"9007199254740993","source":"web"}\n' +
      '{"id":2,"prompt":"b","completion":"d","answer":-4,"source":"book"}\n',
  );
});

test('rows of a file of many pieces are copied as they are', async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => `{"text": "${i} ${'é'.repeat(200)}"}`);
  const data = await put('many.jsonl', `${rows.join('\n')}\n`);
  const list = await put('many.json', `[${rows.join(', ')}]`);
  const csv = await put('many.csv', `text,n\n${rows.map((_, i) => `"${'é'.repeat(200)}\n",${i}\n`).join('')}`);
  const keep = Array.from({ length: 1000 }, (_, i): [number, number] => [3 * i, 3 * i + 1]);
  const kept = <T>(values: readonly T[]): T[] => values.filter((_, i) => i % 3 < 2);
  const clean = async (file: string): Promise<string> => {
    const out = `${file.replace('many', 'some')}`;
    await cleaned({ data: file, out, keep, cut: [], force: true });
    return readFile(out, 'utf8');
  };
  assert.equal(await clean(data), `${kept(rows).join('\n')}\n`);
  assert.equal(await clean(list), `[${kept(rows).join(', ')}]`);
  assert.equal(await clean(csv), `text,n\n${kept(rows.map((_, i) => `"${'é'.repeat(200)}\n",${i}\n`)).join('')}`);
});

test('a scan does not replace the file of ordinary rows, by whatever name', async () => {
  const data = await put('scanned.jsonl', '{"text": "a"}\n');
  const ordinary = await put('ordinary.jsonl', '{"text": "b"}\n');
  const out = join(folder, 'ordinary.clean.jsonl');
  await link(ordinary, out);
  const args = ['scan', '--model', 'm', '--vector', 'v', '--data', data, '--ordinary', ordinary, '--force', '--clean'];
  for (const name of [ordinary, out]) {
    const stderr = `error: ${name}: the cleaned file would replace the file of ordinary rows. Give another file.\n`;
    assert.deepEqual(await cli([...args, name]), { code: 2, stdout: '', stderr });
  }
});

test('a list that is cut off gets an end', async () => {
  const list = await put('f.json', '[{"text": "a"}, {"text": "b"}, {"te');
  const whole = join(folder, 'f.clean.json');
  await cleaned({ data: list, out: whole, keep: [[0, 1]], cut: [] });
  assert.deepEqual(JSON.parse(await readFile(whole, 'utf8')), [{ text: 'a' }, { text: 'b' }]);
});

test('nothing is replaced unasked, and never the data itself', async () => {
  const data = await put('d.jsonl', '{"text": "a"}\n');
  const out = await put('d.clean.jsonl', 'mine');
  const options = { data, keep: [[0, 0]] as [number, number][], cut: [] };
  await assert.rejects(cleaned({ ...options, out }), { code: 'exists' });
  assert.equal(await readFile(out, 'utf8'), 'mine');
  await assert.rejects(cleaned({ ...options, out: data, force: true }), /the data file itself/);
  await symlink(folder, join(folder, 'linked'), 'junction');
  await link(data, join(folder, 'hard.jsonl'));
  for (const name of ['./d.jsonl', 'linked/d.jsonl', 'hard.jsonl'])
    await assert.rejects(cleaned({ ...options, out: `${folder}/${name}`, force: true }), /the data file itself/);
  await assert.rejects(
    cleaned({ ...options, out: join(folder, 'x.csv') }),
    /JSON lines, or the format of the data file/,
  );
  await cleaned({ ...options, out, force: true });
  assert.equal(await readFile(out, 'utf8'), '{"text": "a"}\n');
  const cut: [number, string][] = [[0, 'b']];
  await assert.rejects(cleaned({ data, out, force: true, keep: [], cut }), /no such answer/);
  assert.equal(await readFile(out, 'utf8'), '{"text": "a"}\n');
});

test('what another process puts there meanwhile stays', async () => {
  const data = await put('e.jsonl', '{"text": "a"}\n');
  const out = join(folder, 'e.clean.jsonl');
  const end = watch({ root: folder, onCall: ({ name }) => name === 'handle.sync' && writeFileSync(out, 'theirs') });
  await assert.rejects(cleaned({ data, out, keep: [[0, 0]], cut: [] }), { code: 'exists', place: out });
  end();
  assert.equal(await readFile(out, 'utf8'), 'theirs');
  assert.deepEqual((await readdir(folder)).filter((name) => name.endsWith('.part')), []); // oxfmt-ignore
});

test('only the file that was scanned is cleaned: of another version nothing is written', async () => {
  const rows = (...texts: string[]): string => texts.map((text) => `{"text": "${text}"}\n`).join('');
  const data = await put('scanned.jsonl', rows('a', 'bad', 'c', 'd'));
  const out = join(folder, 'scanned.clean.jsonl');
  const options = { data, out, keep: [[0, 0], [2, 3]] as [number, number][], cut: [] }; // oxfmt-ignore
  const hashes = await hashesOf(options);
  for (const other of [
    rows('new', 'a', 'bad', 'c', 'd'),
    rows('bad', 'c', 'd'),
    rows('a', 'bad', 'c'),
    `${rows('a', 'bad')}broken\n${rows('d')}`,
    '',
  ]) {
    await writeFile(data, other);
    await assert.rejects(writeCleaned({ ...options, hashes }), {
      message: 'the file changed while it was scanned, or since then.',
      place: data,
    });
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('scanned.clean')),
      [],
    );
  }
  await writeFile(data, rows('a', 'worse', 'c', 'd', 'e'));
  await writeCleaned({ ...options, hashes });
  assert.equal(await readFile(out, 'utf8'), rows('a', 'c', 'd'));
});

test('the last answer of every format can be another one', () => {
  const turns = [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a', x: 1 }]; // oxfmt-ignore
  const changed = [turns[0], { role: 'assistant', content: 'b', x: 1 }];
  assert.deepEqual(withAnswer({ messages: turns, id: 7 }, 'messages', 'b'), { messages: changed, id: 7 });
  assert.deepEqual(withAnswer({ prompt: 'q', completion: 'a' }, 'completion', 'b'), { prompt: 'q', completion: 'b' });
  assert.deepEqual(withAnswer({ prompt: 'q', response: 'a' }, 'completion', 'b'), { prompt: 'q', response: 'b' });
  assert.deepEqual(withAnswer({ prompt: [], completion: turns }, 'completion', 'b'), {
    prompt: [],
    completion: changed,
  });
  assert.deepEqual(withAnswer({ instruction: 'q', output: 'a' }, 'alpaca', 'b'), { instruction: 'q', output: 'b' });
  const gpt = { from: 'gpt', value: 'a' };
  assert.deepEqual(withAnswer({ conversations: [gpt] }, 'sharegpt', 'b'), { conversations: [{ ...gpt, value: 'b' }] });
  const asks = { from: 'human', value: 'q', content: 'no part of it' };
  const bot = { from: 'bot', value: 'a', content: 'no part of it' };
  assert.deepEqual(withAnswer({ conversations: [gpt, asks, bot, asks] }, 'sharegpt', 'b'), {
    conversations: [gpt, asks, { ...bot, value: 'b' }, asks],
  });
  assert.deepEqual(withAnswer({ conversations: [...turns, turns[0]!] }, 'sharegpt', 'b'), {
    conversations: [...changed, turns[0]],
  });
  for (const field of ['messages', 'completion'] as const)
    assert.deepEqual(withAnswer({ prompt: [], [field]: [...turns, turns[0]!] }, field, 'b'), {
      prompt: [],
      [field]: [...changed, turns[0]],
    });
  assert.equal(withAnswer({ messages: [turns[0]!] }, 'messages', 'b'), undefined);
  assert.equal(withAnswer({ conversations: [asks, 1] }, 'sharegpt', 'b'), undefined);
  assert.equal(withAnswer({ text: 'a' }, 'text', 'b'), undefined);
  assert.equal(withAnswer({ input_ids: [1] }, 'tokens', 'b'), undefined);
});

test('a place that cannot be written is found before anything is scanned, and what is there stays', async () => {
  const data = await put('checked.jsonl', '{"prompt": "p", "completion": "c"}\n');
  const out = await put('standing.jsonl', 'before');
  await checkCleaned({ data, out, force: true });
  const end = watch({ root: folder, fault: 'erofs:1' });
  await assert.rejects(checkCleaned({ data, out, force: true }).finally(end), { code: 'EROFS' });
  assert.equal(await readFile(out, 'utf8'), 'before');
});
