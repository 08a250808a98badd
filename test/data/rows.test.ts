import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { HumanError } from '../../runtime/support/errors.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import type { RawRow, ReadRow } from '../../runtime/data/rawRow.js';
import { readRows } from '../../runtime/data/rows.js';
import type { RowOptions } from '../../runtime/data/rows.js';

const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '../fixtures/data');
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rows-'));
});
after(() => rm(folder, { recursive: true }));

async function read(file: string, options?: RowOptions): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for await (const row of readRows(file, options)) rows.push(row);
  return rows;
}
async function rowsOf(name: string, content: string | Uint8Array, options?: RowOptions): Promise<RawRow[]> {
  const file = join(folder, name);
  await writeFile(file, content);
  return read(file, options);
}
/** `line:value` or `line!reason`, short enough to compare. */
const short = (rows: RawRow[]): string[] =>
  rows.map((row) => ('value' in row ? `${row.line}:${JSON.stringify(row.value)}` : `${row.line}!${row.reason}`));

test('rows that are nested without end are refused, the others are read', async () => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  for (const [name, content] of [
    ['deep.jsonl', `{"a":1}\n{"messages":[{"role":${deep}}]}\n{"a":2}`],
    ['deep.json', `[{"a":1},\n{"messages":[{"role":${deep}}]},\n{"a":2}]`],
  ] as const) {
    const rows = await rowsOf(name, content);
    assert.match(short(rows)[1]!, /nested more than 512 deep/, name);
    assert.equal(rows.filter((row) => 'value' in row).length, 2, name);
  }
});

test('packed files are read as what they hold; one that is cut off or no gzip is an error', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `{"a":${Math.sin(i)}}\n`).join('');
  const packed = gzipSync(lines);
  assert.deepEqual(await rowsOf('a.jsonl.gz', packed), await rowsOf('a.jsonl', lines));
  assert.deepEqual(short(await rowsOf('a.csv.gz', gzipSync('a,b\n1,2\n'))), ['2:{"a":"1","b":"2"}']);
  assert.deepEqual(short(await rowsOf('a.jsonl.gz', gzipSync('[{"a":1},\n{"a":2}]'))), ['1:{"a":1}', '2:{"a":2}']);
  for (const content of [packed.subarray(0, packed.length / 2), 'text'])
    await assert.rejects(
      rowsOf('b.jsonl.gz', content),
      (error) => error instanceof HumanError && /not a whole gzip file/.test(error.message),
    );
  await assert.rejects(rowsOf('b.txt.gz', packed), /data files of type "\.txt" are not supported/);
});

describe('JSON lines', () => {
  test('blank lines, CRLF, a byte order mark and a missing last newline', async () => {
    const rows = await rowsOf('a.jsonl', '\ufeff{"a":1}\r\n\r\n  \t\n{"a":2}\n\n{"a":3}');
    assert.deepEqual(short(rows), ['1:{"a":1}', '4:{"a":2}', '6:{"a":3}']);
    assert.deepEqual(
      rows.map((row) => row.row),
      [0, 1, 2],
    );
  });

  test('a broken line is a row with the reason; the others are read', async () => {
    const rows = await rowsOf('a.jsonl', '{"a":1}\n{"a":\nnull\n[1]\n"x"\n{"a":2}\n');
    assert.equal(rows.length, 6);
    const reasons = short(rows);
    assert.match(reasons[1]!, /^2!this line is not JSON: /);
    for (const i of [2, 3, 4]) assert.equal(reasons[i], `${i + 1}!this line is JSON, but not an object`);
    assert.equal(reasons[5], '6:{"a":2}');
    assert.equal(rows[5]!.row, 5);
  });

  test('bytes that are not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n{"a":"é"}\n')]);
    assert.deepEqual(short(await rowsOf('a.jsonl', bytes)), ['1!this line is not valid UTF-8', '2:{"a":"é"}']);
  });

  test('a line that is too long is skipped, wherever the pieces of the file end', async () => {
    for (const length of [99, 100, 101, 500_000]) {
      const long = `{"a":"${'x'.repeat(length - 8)}"}`;
      const rows = await rowsOf('a.jsonl', `{"a":1}\n${long}\n{"a":2}\n`, { maxRowBytes: 100 });
      const expected = length <= 100 ? `2:${long}` : '2!the row is longer than 100 bytes';
      assert.deepEqual(short(rows), ['1:{"a":1}', expected, '3:{"a":2}']);
    }
  });

  test('limit, and progress in bytes up to the whole file', async () => {
    const content = Array.from({ length: 20_000 }, (_, i) => `{"a":${i},"pad":"${'x'.repeat(80)}"}\n`).join('');
    const seen: number[] = [];
    const rows = await rowsOf('a.jsonl', content, { onProgress: (bytes, total) => seen.push(bytes / total) });
    assert.equal(rows.length, 20_000);
    const value = { a: 19_999, pad: 'x'.repeat(80) };
    const at = { start: Buffer.byteLength(content) - 101, end: Buffer.byteLength(content) };
    assert.deepEqual(rows.at(-1), { row: 19_999, line: 20_000, at, value, text: JSON.stringify(value) });
    assert.ok(seen.length > 4 && seen.every((share, i) => i === 0 || share >= seen[i - 1]!));
    assert.equal(seen.at(-1), 1);
    assert.equal((await rowsOf('a.jsonl', content, { limit: 3 })).length, 3);
  });

  test('whole numbers that are no doubles are texts, all others numbers', async () => {
    const row = '{"a":[9007199254740993,-1234567890123456789],"b":"9007199254740993 \\" 9007199254740993","c":9007199254740991,"d":0.12345678901234567,"e":1234567890123456789e3}'; // oxfmt-ignore
    const [{ value }] = (await rowsOf('a.jsonl', row)) as [ReadRow];
    assert.deepEqual(value, {
      ...(JSON.parse(row) as object),
      a: ['9007199254740993', '-1234567890123456789'],
    });
    assert.match(short(await rowsOf('a.jsonl', '{1234567890123456789: 1}'))[0]!, /is not JSON/);
  });

  test('a key named __proto__ is a key', async () => {
    const [row] = await rowsOf('a.jsonl', '{"__proto__":{"text":"x"}}\n');
    assert.ok(row && 'value' in row && row.value.text === undefined);
  });
});

describe('a JSON list', () => {
  test('elements over several lines, with their lines', async () => {
    const content = '\ufeff [\n  {"a": "x, ] } \\" [",\n   "b": [1, {"c": 2}]},\n\n  {"a": 2} , {"a": 3}\n]\n';
    const expected = ['2:{"a":"x, ] } \\" [","b":[1,{"c":2}]}', '5:{"a":2}', '5:{"a":3}'];
    const rows = await rowsOf('a.json', content);
    assert.deepEqual(short(rows), expected);
    assert.deepEqual(
      rows.map(({ lines }) => lines),
      [2, undefined, undefined],
    );
    // The same in pieces of one byte each would be the same; pieces of the file end at 256 kB.
    const filled = content.replace('"a": 2', `"a": 2${' '.repeat(600_000)}`);
    assert.deepEqual(short(await rowsOf('a.json', filled)), expected);
  });

  test('nothing is dropped in silence', async () => {
    const cases: [string, string[]][] = [
      ['[]', []],
      [' [ ] ', []],
      ['[{"a":1},]', ['1:{"a":1}']],
      ['[{"a":1},,{"a":2}]', ['1:{"a":1}', '1!there is nothing between two commas', '1:{"a":2}']],
      ['[{"a":1}\n,{"a":2}', ['1:{"a":1}', '2!the file ends inside this row']],
      ['[{"a":1},\n', ['1:{"a":1}', '2!the list has no end: the file is cut off']],
      ['[{"a":1}] x', ['1:{"a":1}', '1!there is text after the end of the list']],
      ['[5, {"a":1}]', ['1!this row is JSON, but not an object', '1:{"a":1}']],
      ['[[{"a":1}], "a,b"]', Array<string>(2).fill('1!this row is JSON, but not an object')],
    ];
    for (const [content, expected] of cases)
      assert.deepEqual(short(await rowsOf('a.json', content)), expected, content);
    const broken = short(await rowsOf('a.json', '[{"a":1},\n{a:2},\n{"a":3}]'));
    assert.match(broken[1]!, /^2!this row is not JSON/);
    assert.equal(broken[2], '3:{"a":3}');
  });

  test('an element that is too long', async () => {
    const content = `[{"a":1},{"a":"${'x'.repeat(400_000)}"},{"a":2}]`;
    const rows = await rowsOf('a.json', content, { maxRowBytes: 1000 });
    assert.deepEqual(short(rows), ['1:{"a":1}', '1!the row is longer than 1000 bytes', '1:{"a":2}']);
  });

  test('.json may also be lines', async () => {
    assert.deepEqual(short(await rowsOf('a.json', '{"a":1}\n{"a":2}\n')), ['1:{"a":1}', '2:{"a":2}']);
  });
});

describe('CSV', () => {
  test('quotes, line breaks in cells, empty cells, CRLF and a byte order mark', async () => {
    const content = '\ufeffprompt,completion,label\r\n"a ""b"", c","two\nlines",harmful\r\n\r\nx,y,\r\n';
    assert.deepEqual(short(await rowsOf('a.csv', content)), [
      '2:{"prompt":"a \\"b\\", c","completion":"two\\nlines","label":"harmful"}',
      '5:{"prompt":"x","completion":"y"}',
    ]);
  });

  test('each line may have its own kind of end', async () => {
    const expected = ['2:{"q":"1","a":"x"}', '3:{"q":"2","a":"y"}', '4:{"q":"3","a":"z"}'];
    for (const ends of ['nnnn', 'rrrr', 'RRRR', 'nRRR', 'Rnnn', 'RnrR'])
      assert.deepEqual(
        short(
          await rowsOf(
            'a.csv',
            ['q,a', '1,x', '2,y', '3,z']
              .map((line, i) => line + { n: '\n', r: '\r', R: '\r\n' }[ends[i] as 'n' | 'r' | 'R'])
              .join(''),
          ),
        ),
        expected,
        ends,
      );
    // Also where the pieces of the file end in between.
    const rows = Array.from({ length: 30_000 }, (_, i) => `${i},"${'x'.repeat(i % 20)}"\r\n`);
    const read = await rowsOf('a.csv', `q,a\n${rows.join('')}`);
    assert.deepEqual(
      read.map((row) => 'value' in row && row.value.q),
      rows.map((_, i) => `${i}`),
    );
    assert.equal(read.at(-1)!.line, 30_001);
  });

  test('lines are those of an editor: behind blank lines, and line breaks in cells, whatever their kind', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const text = ['q,a', '', '', 'q1,a1', '"q', '', '2",a2', '', 'q3,a3', '', ''].join(end);
      assert.deepEqual(
        (await rowsOf('a.csv', text)).map(({ line }) => line),
        [4, 5, 9],
        JSON.stringify(end),
      );
    }
    assert.deepEqual(short(await rowsOf('a.csv', '\n\nq,a\nq1,a1')), ['4:{"q":"q1","a":"a1"}']);
    assert.equal((await rowsOf('a.csv', 'q,a\nq1,a1\n\n"q2,a2\nq3')).at(-1)!.line, 4);
  });

  test('a quote at the start of a cell that swallows lines is refused; other quotes inside cells are text', async () => {
    const unclosed = (behind: string): string => `a cell begins with a quote and does not end with one, and takes in the ${behind} behind it: put the cell in quotes, and double those in it`; // oxfmt-ignore
    const cases: [string, string[]][] = [
      ['q,a\n"6 inch pipe,big\nq3,a3\n"q4",a4\nq5,a5\n', [`2!${unclosed('2 lines')}`, '5:{"q":"q5","a":"a5"}']],
      ['q,a\n\n"6 inch pipe,big\nq3,a3\n', [`3!${unclosed('line')}`]],
      ['q,a\n"6 inch" pipe,big\n', ['2:{"q":"\\"6 inch\\" pipe","a":"big"}']],
      ['q,a\n6" pipe,a "big" one\n', ['2:{"q":"6\\" pipe","a":"a \\"big\\" one"}']],
      ['q,a\n"""Go"", he\nsaid",1\n', ['2:{"q":"\\"Go\\", he\\nsaid","a":"1"}']],
      ['q,"6 inch\na"b\n1,2\n', [`1!${unclosed('line')}`]],
    ];
    for (const [content, expected] of cases) assert.deepEqual(short(await rowsOf('a.csv', content)), expected, content);
  });

  test('rows have the lines that an editor counts, whatever line breaks are in their cells', async () => {
    const content = 'text,label\r\n"a\nb","x\r\ny"\r\n\r\nb,c\r\n\r\n\r\n"d","\n\n"';
    const rows = await rowsOf('a.csv', content);
    assert.deepEqual(
      rows.map(({ line, lines }) => [line, lines]),
      [
        [2, 3],
        [6, undefined],
        [9, 3],
      ],
    );
  });

  test('cells that hold JSON, and those of such a column that do not', async () => {
    const content = 'messages\n"[{""role"":""user"",""content"":""hi""}]"\nnot json\n';
    const rows = short(await rowsOf('a.csv', content));
    assert.equal(rows[0], '2:{"messages":[{"role":"user","content":"hi"}]}');
    assert.equal(rows[1], '3:{"messages":"not json"}');
  });

  test('semicolons, tabs, and rows that do not fit', async () => {
    assert.deepEqual(short(await rowsOf('a.csv', 'text;label\na,b;benign\n')), ['2:{"text":"a,b","label":"benign"}']);
    assert.deepEqual(short(await rowsOf('a.csv', 'text\tlabel\na, b; c\tbenign\n')), [
      '2:{"text":"a, b; c","label":"benign"}',
    ]);
    assert.deepEqual(short(await rowsOf('a.tsv', 'text\tlabel\na,b\tbenign\n')), ['2:{"text":"a,b","label":"benign"}']);
    const rows = short(await rowsOf('a.csv', 'text,label\na\nb,benign\nc,benign,x\n'));
    assert.deepEqual(rows, [
      '2!this row has 1 cells, the header 2',
      '3:{"text":"b","label":"benign"}',
      '4!this row has 3 cells, the header 2',
    ]);
  });

  test('what stands in quotes in the header is no delimiter, and the most frequent is the one', async () => {
    const tables = {
      '"a, b";c\n1;2\n': ['2:{"a, b":"1","c":"2"}'],
      '"a ""b"", c;\nd",e\n1,2\n': ['3:{"a \\"b\\", c;\\nd":"1","e":"2"}'],
      'Name, first;b;c\n1;2;3\n': ['2:{"Name, first":"1","b":"2","c":"3"}'],
      '5" wide;b\n1;2\n': ['2:{"5\\" wide":"1","b":"2"}'],
      'text\na,b\n': ['2!this row has 2 cells, the header 1'],
    };
    for (const [content, rows] of Object.entries(tables))
      assert.deepEqual(short(await rowsOf('a.csv', content)), rows, content);
  });

  test('a header in another encoding is refused, with what to do', async () => {
    const latin = Buffer.from('Frage;geprüft\na;b\n', 'latin1');
    await assert.rejects(rowsOf('a.csv', latin), {
      message: 'the header is not valid UTF-8.',
      place: `${join(folder, 'a.csv')}:1`,
      remedy: 'Save the table as UTF-8 (in a spreadsheet: "CSV UTF-8").',
    });
  });

  test('bad quotes and bytes are refused with their place', async () => {
    const rows = short(await rowsOf('a.csv', 'text,n\n"a"b,1\nc,2\n'));
    assert.deepEqual(rows, ['2:{"text":"\\"a\\"b","n":"1"}', '3:{"text":"c","n":"2"}']);
    const open = short(await rowsOf('a.csv', 'text\na\n"b\nc\n'));
    assert.equal(open[0], '2:{"text":"a"}');
    assert.match(open[1]!, /!.*[Qq]uote/);
    const bytes = Buffer.concat([Buffer.from('text\n'), Buffer.from([0xff]), Buffer.from('\nb\n')]);
    assert.deepEqual(short(await rowsOf('a.csv', bytes)), ['2!the cell "text" is not valid UTF-8', '3:{"text":"b"}']);
    await assert.rejects(rowsOf('a.csv', 'text,text\na,b\n'), {
      name: 'HumanError',
      place: `${join(folder, 'a.csv')}:1`,
    });
  });

  test('a row that is too long', async () => {
    for (const long of ['x'.repeat(5000), `"${'x,y\n'.repeat(2000)}"`]) {
      const rows = short(await rowsOf('a.csv', `text\na\n${long}\nb\n`, { maxRowBytes: 1000 }));
      const why = long.startsWith('"') ? ', as if a quote in it were not closed' : '';
      assert.equal(rows[0], '2:{"text":"a"}');
      assert.match(
        rows[1]!,
        new RegExp(`^\\d+!the row is longer than 1000 bytes${why}, and nothing behind it is read$`),
      );
      assert.equal(rows.length, 2, 'what is inside a row is no row');
    }
  });
});

describe('Parquet', () => {
  for (const name of ['snappy', 'zstd', 'gzip', 'plain']) {
    test(name, async () => {
      const seen: number[] = [];
      const rows = await read(join(FIXTURES, `${name}.parquet`), { onProgress: (b, total) => seen.push(b / total) });
      assert.equal(rows.length, 7);
      const { names, ...row } = rows[4] as ReadRow;
      assert.deepEqual(names, ['messages', 'input_ids', 'label', 'unused']);
      assert.deepEqual(row, {
        row: 4,
        line: 5,
        value: {
          messages: [
            { role: 'user', content: 'question 4 é🙂' },
            { role: 'assistant', content: 'answer 4' },
          ],
          input_ids: [4, 5, 6],
          label: 'benign',
        },
      });
      assert.equal((rows[3] as { value: Record<string, unknown> }).value.label, undefined);
      assert.equal(seen.at(-1), 1);
      assert.equal((await read(join(FIXTURES, `${name}.parquet`), { limit: 5 })).length, 5);
    });
  }

  test('packed runs that are filled up beyond the values', async () => {
    const rows = await read(join(FIXTURES, 'duckdb.parquet'));
    assert.equal(rows.length, 11);
    assert.deepEqual((rows[6] as { value: unknown }).value, { prompt: 'p1', completion: 'c6', label: 'harmful' });
    assert.deepEqual((rows[8] as { value: unknown }).value, { prompt: 'p3', completion: 'c8' });
  });

  test('damage and foreign columns are reported', async () => {
    for (const content of ['PAR1', 'PAR1xxxxPAR1', 'x'.repeat(100)])
      await assert.rejects(rowsOf('a.parquet', content), {
        name: 'HumanError',
        message: /Parquet file cannot be read/,
      });
    await assert.rejects(inspectData(join(FIXTURES, 'foreign.parquet')), /its fields \("a", "b"\) match no row format/);
  });
});

test('files that are no data files', async () => {
  await assert.rejects(rowsOf('a.xlsx', 'x'), {
    name: 'HumanError',
    message: /of type "\.xlsx" are not supported/,
    remedy: /\.jsonl/,
  });
  await assert.rejects(rowsOf('a.jsonl', Buffer.from('\ufeff{}', 'utf16le')), /UTF-16/);
  await assert.rejects(read(folder), HumanError);
  await assert.rejects(read(join(folder, 'absent.jsonl')), { code: 'ENOENT' });
});

test('memory stays bounded over a large file', async () => {
  const file = join(folder, 'large.jsonl');
  const handle = await open(file, 'w');
  const block = Buffer.from(`{"text":"${'lorem ipsum '.repeat(80)}"}\n`.repeat(1000));
  for (let i = 0; i < 100; i++) await handle.write(block);
  await handle.close();
  const before = process.memoryUsage().rss;
  let count = 0;
  let peak = 0;
  for await (const row of readRows(file)) {
    if (++count % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    assert.ok('value' in row);
  }
  assert.equal(count, 100_000);
  assert.ok(
    peak - before < 150 * 2 ** 20,
    `${(peak - before) / 2 ** 20} MB more for a file of ${block.length * 100} bytes`,
  );
  await rm(file);
});

test('a folder and a pipe are refused at once', { skip: process.platform === 'win32' }, async () => {
  const pipe = join(folder, 'pipe.jsonl');
  execFileSync('mkfifo', [pipe]);
  for (const place of [folder, pipe])
    await assert.rejects(readRows(place).next(), (error) => error instanceof HumanError && error.place === place);
});
