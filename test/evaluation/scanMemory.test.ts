/** What a scan keeps of the rows of a large file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PIECE } from '../../runtime/evaluation/inference/losses.js';
import { scanExamples } from '../../runtime/evaluation/scan/scan.js';
import type { Example } from '../../runtime/data/examples.js';
import type { Comparison } from '../../runtime/learner/learner.js';
import { example } from '../support/example.js';

test('rows that were compared are not kept while others are, but can be read again', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const length = 3 * PIECE;
  const read: WeakRef<Example>[] = [];
  const texts: Example[] = [];
  const list = {
    length,
    at(row: number) {
      const one = example(row, `p ${row}`, [1, 2, 3, 4]);
      read.push(new WeakRef(one));
      return one;
    },
    *[Symbol.iterator]() {
      for (let row = 0; row < length; row++) yield list.at(row);
    },
  };
  const losses = (each: number) => ({ nll: 3 * each, tokens: 3, perToken: [each, each, each] });
  let left: number | undefined;
  const compare = async (rows: readonly unknown[]): Promise<Comparison[]> => {
    if (read.length === length && left === undefined) {
      collect();
      left = read.slice(0, PIECE).filter((one) => one.deref()).length;
    }
    return rows.map(() => ({ without: losses(5), with: losses(0), kl: [1, 1, 1] }));
  };
  const scores = { share: 0, span: 0, spanShare: 0 };
  const { flagged } = await scanExamples({ compare }, {}, list, {
    on: {},
    calibration: { ordinary: Array.from({ length: 40 }, () => scores), harmful: [] },
    limit: { falseAlarms: 0.01 },
    texts(row) {
      texts.push(row);
      return [];
    },
  });
  assert.equal(left, 0);
  assert.equal(flagged, length);
  assert.deepEqual(
    texts.map(({ row }) => row),
    Array.from({ length }, (_, row) => row),
  );
});
