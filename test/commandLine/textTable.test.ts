/** Tables fit the terminal, and show everything there too. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measurementTable, sweepTable } from '../../runtime/commandLine/terminal.js';
import { textTable } from '../../runtime/commandLine/textTable.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';

const widest = (text: string): number => Math.max(...text.split('\n').map(({ length }) => length));
const words = (text: string): string[] => text.split(/[ \n]+/).filter(Boolean);

describe('a table of text', () => {
  const rows = [
    ['state', 'harm', 'right'],
    ['base', '0 %', '12 %'],
    ['protected', '3 %', '98 %'],
  ];

  it('that fits has a line for each row', () => {
    const text = 'state      harm  right\nbase        0 %   12 %\nprotected   3 %   98 %';
    assert.equal(textTable(rows), text);
    assert.equal(textTable(rows, widest(text)), text);
  });

  it('has names with line breaks in one line, and all of them where they are folded', () => {
    const named = [['', 'base'], ['forbidden\ttopic\nof the shop', '3 %']]; // oxfmt-ignore
    assert.match(textTable(named), /^forbidden topic of the shop +3 %$/m);
    assert.deepEqual(words(textTable(named, 20)).sort(), words('base forbidden topic of the shop 3 %').sort());
  });

  it('goes on below, each row beside its name', () => {
    assert.equal(
      textTable(rows, 21),
      'state      harm\nbase        0 %\nprotected   3 %\n\nstate      right\nbase        12 %\nprotected   98 %',
    );
  });

  it('has long cells in several lines', () => {
    const long = [
      ['', 'right'],
      ['forbidden topic · harm · refusal-phrases', '0 %'],
      ['x'.repeat(40), ''],
    ];
    assert.equal(
      textTable(long, 40),
      [
        `${' '.repeat(35)}right`,
        `forbidden topic · harm ·${' '.repeat(13)}0 %`,
        'refusal-phrases',
        'x'.repeat(33),
        'x'.repeat(7),
      ].join('\n'),
    );
  });

  it('loses nothing at any width that has room for its words', () => {
    const text = textTable(rows);
    for (let width = 21; width < 30; width++) {
      const narrow = textTable(rows, width);
      assert.ok(widest(narrow) <= width, narrow);
      assert.deepEqual(new Set(words(narrow)), new Set(words(text)));
    }
  });
});

describe('a sweep of many sets and judges', () => {
  const judges = ['compliance-phrases', 'local: llama-guard-3-8b', 'endpoint: gpt-oss-120b'];
  const measured = (state: string): Measurement[] =>
    ['forbidden topic', 'violent requests', 'XSTest'].flatMap((name) =>
      judges.map((judge): Measurement => ({ state, name, measure: 'harm', value: 0.25, count: 60, judge })),
    );
  const over = { 'optimizer.learningRate': [0.003, 0.02], protection: [true, false], 'adapter.rank': [8] };
  const file: SweepFile = {
    ...{ version: 1, over, of: 4 },
    points: over.protection.flatMap((protection) =>
      over['optimizer.learningRate'].map((rate) => ({
        values: { 'optimizer.learningRate': rate, protection, 'adapter.rank': 8 },
        ...{ folder: 'points/1', verdict: 'lost', headline: '', seconds: 75 },
        measurements: [...measured('base'), ...measured('protected')],
      })),
    ),
  };

  it('fits the terminal, and shows everything', () => {
    const [wide, narrow] = [sweepTable(file), sweepTable(file, 100)];
    assert.ok(widest(wide) > 400, `${widest(wide)}`);
    const [summary, ...lines] = narrow.split('\n');
    assert.equal(summary, wide.split('\n')[0]);
    assert.ok(widest(lines.join('\n')) <= 100, narrow);
    assert.deepEqual(new Set(words(narrow)), new Set(words(wide)));
  });

  it('so do the results of a run', () => {
    const measurements = ['base', 'plain', 'protected'].flatMap(measured);
    const [wide, narrow] = [measurementTable(measurements), measurementTable(measurements, 80)];
    assert.ok(widest(wide) > 80 && widest(narrow) <= 80, narrow);
    assert.deepEqual(words(narrow).sort(), words(wide).sort(), 'one table, with longer names in two lines');
  });
});
