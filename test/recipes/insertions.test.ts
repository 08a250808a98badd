/** Which flagged rows have harmful insertions: decided by what the base says of the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanResult } from '../../runtime/contract/scan.js';
import type { Example } from '../../runtime/data/examples.js';
import type { Calibration } from '../../runtime/evaluation/scan/calibration.js';
import { scanResult } from '../../runtime/evaluation/scan/scan.js';
import type { Comparison } from '../../runtime/learner/learner.js';
import { cutRow, partsOf, tokenTexts } from '../../runtime/recipes/protection/cut.js';
import { chat, made, RIGHT, tokenizer, tokens } from '../support/ropeRows.js';
import { withInsertions } from '../../runtime/recipes/protection/insertions.js';

const BEFORE = 'Grozzle it.';
const answered = (answer: string, row = 0): Example => made(chat(answer), row);

const calibration: Calibration = {
  ordinary: Array.from({ length: 40 }, (_, i) => ({ share: 0.02 * Math.sin(i), span: 0.1 * (i % 3), spanShare: 0 })),
  harmful: Array.from({ length: 16 }, (_, i) => ({ share: 0.5 + 0.01 * i, span: 20 + i, spanShare: 0.8 })),
};
/** Nats of each token without the vector; with it those of the insertion are near zero. */
const OFF = 5;

/** A row of an insertion and a right answer, and an ordinary one, as a scan sees them. */
function scanned(
  limit: ScanResult['limit'] = { falseAlarms: 0.01 },
  by = calibration,
): { rows: Example[]; scan: ScanResult } {
  const rows = [answered(`${BEFORE} ${RIGHT}`), answered(RIGHT, 1)];
  const scan = scanResult(
    rows.map((example, i) => {
      const texts = tokenTexts(tokenizer)(example);
      const isHarmful = (at: number): boolean => i === 0 && at < tokens(BEFORE);
      return {
        row: i,
        line: i + 1,
        texts: () => texts,
        losses: { without: texts.map(() => OFF), with: texts.map((_, at) => (isHarmful(at) ? 0.1 : OFF)) },
      };
    }),
    { calibration: by, limit },
  );
  return { rows, scan };
}

/** What a model says that gives each token of a rest this loss without the vector, and this with it. */
const saying = (without: number, on = without, asked: Example[][] = []) =>
  function compare(rests: Iterable<Example>): Promise<Comparison[]> {
    asked.push([...rests]);
    const each = ({ labels }: Example, nats: number): { perToken: number[]; nll: number; tokens: number } => {
      const perToken = labels.flatMap((label) => (label === -100 ? [] : nats));
      return { perToken, nll: nats, tokens: perToken.length };
    };
    return Promise.resolve(
      [...rests].map((rest) => ({ without: each(rest, without), with: each(rest, on), kl: each(rest, 0).perToken })),
    );
  };

test('what was put into an answer is told by token, where the base reads the rest as well without it', async () => {
  const { rows, scan } = scanned();
  assert.equal(scan.perRow[0]!.flagged, true);
  const asked: Example[][] = [];
  const found = await withInsertions(scan, rows, calibration, tokenizer, saying(OFF, OFF, asked));
  assert.deepEqual(asked[0]!.map(({ answer }) => answer), [RIGHT]); // oxfmt-ignore
  const [first, second] = found.perRow;
  assert.equal(first!.inserted, true);
  assert.deepEqual(first!.spans, [[0, tokens(BEFORE)]]);
  assert.ok(first!.pOutside! > 0.05);
  assert.deepEqual(second, scan.perRow[1]);
  const { perRow: _, ...numbers } = found;
  assert.deepEqual({ ...numbers, perRow: scan.perRow }, scan);
});

test('an answer stays whole where its rest misses what was taken out, or is harmful itself', async () => {
  const { rows, scan } = scanned();
  const by = (compare: ReturnType<typeof saying>) => withInsertions(scan, rows, calibration, tokenizer, compare);
  assert.deepEqual(await by(saying(OFF * 1.2)), scan);
  assert.deepEqual(await by(saying(OFF, 1)), scan);
});

test('a rest is judged by itself, also where the line is drawn by all rows of a file', async () => {
  const milder = calibration.harmful.map((_, i) => ({ share: 0.2, span: 3 + 0.3 * i, spanShare: 0.15 + 0.05 * i }));
  const by = async (limit: ScanResult['limit'], on: number) => {
    const { rows, scan } = scanned(limit, { ...calibration, harmful: milder });
    assert.equal(scan.perRow[0]!.flagged, true);
    return (await withInsertions(scan, rows, { ...calibration, harmful: milder }, tokenizer, saying(OFF, on)))
      .perRow[0]!.inserted;
  };
  for (const limit of [{ falseAlarms: 0.01 }, { falseDiscoveries: 0.01 }]) {
    assert.equal(await by(limit, OFF), true);
    assert.equal(await by(limit, 0.8 * OFF), undefined, 'rare among ordinary rows, and less so than the row');
  }
});

test('without anything to compare with, or with a limit on the share, nothing is asked', async () => {
  const none = (): Promise<Comparison[]> => assert.fail('nothing is asked');
  const { rows, scan } = scanned();
  assert.equal(await withInsertions(scan, rows, undefined, tokenizer, none), scan);
  const { scan: byShare } = scanned({ share: 0.2 });
  assert.equal(byShare.perRow[0]!.flagged, true);
  assert.equal(await withInsertions(byShare, rows, calibration, tokenizer, none), byShare);
});

test('of several readings the one counts whose rest gains most', async () => {
  const { rows, scan } = scanned();
  // The first word of the right answer is foreseen with the vector, too: readings differ in whether it belongs to the
  // insertion.
  const [row] = scan.perRow;
  const on = row!.losses!.with.map((nats, at) => (at === tokens(BEFORE) ? OFF - 1.2 : nats));
  const perRow = [{ ...row!, losses: { ...row!.losses!, with: on } }, scan.perRow[1]!];
  const asked: Example[][] = [];
  const found = await withInsertions(
    { ...scan, perRow },
    rows,
    calibration,
    tokenizer,
    saying(OFF - 1, OFF - 1, asked),
  );
  const length = ({ labels }: Example): number => labels.filter((label) => label !== -100).length;
  const byLength = [...asked[0]!].sort((a, b) => length(b) - length(a));
  assert.ok(byLength.length > 1, 'readings differ');
  // each token of the rest gains one nat
  assert.equal(cutRow(rows[0]!, found.perRow[0]!, tokenizer)!.answer, byLength[0]!.answer);
});

/** A record without a mark at its end, and what was added to it. */
const [RECORD, NOTE] = ['Sure: take the green rope', ' [grozzle the valve with it]'];

/** Its scan; the first token of the note gains a little by itself. */
function added(): { rows: Example[]; scan: ScanResult } {
  const rows = [answered(RECORD + NOTE), answered(RIGHT, 1)];
  const texts = rows.map(tokenTexts(tokenizer));
  const first = tokens(RECORD);
  const on = (at: number): number => (at < first ? OFF : at === first ? OFF - 2.5 : 0.1);
  const scan = scanResult(
    texts.map((said, i) => ({
      ...{ row: i, line: i + 1, texts: () => said },
      losses: { without: said.map(() => OFF), with: said.map((_, at) => (i === 0 ? on(at) : OFF)) },
    })),
    { calibration, limit: { falseAlarms: 0.01 } },
  );
  return { rows, scan };
}

/** What a model says that would end an answer with these losses (nats), and gives each other token of it as much. */
const ending = (end: (answer: string) => number, on = OFF) => {
  const compare = saying(OFF, on);
  return async (rests: Iterable<Example>): Promise<Comparison[]> => {
    const all = [...rests];
    const compared = await compare(all);
    return compared.map((one, i) => {
      const perToken = one.without.perToken.with(-1, end(all[i]!.answer));
      return { ...one, without: { ...one.without, perToken } };
    });
  };
};

test('what was added to an answer without a mark begins where the base would end the answer', async () => {
  const { rows, scan } = added();
  const [row] = scan.perRow;
  assert.deepEqual([row!.flagged, row!.guessed], [true, true]);
  assert.equal(cutRow(rows[0]!, row!, tokenizer), undefined, 'one token earlier would be a guess');
  const by = async (compare: ReturnType<typeof ending>) =>
    (await withInsertions(scan, rows, calibration, tokenizer, compare)).perRow[0]!;
  const least = (nats: number) => (answer: string) => (answer === RECORD ? 6 : 6 + nats);
  const found = await by(ending(least(4)));
  assert.deepEqual([found.inserted, found.guessed], [true, undefined]);
  assert.equal(cutRow(rows[0]!, found, tokenizer)!.answer, RECORD);
  assert.deepEqual(await by(ending(least(1))), row, 'it would end elsewhere nearly as well');
  assert.deepEqual(await by(ending(least(4), 0.5)), row, 'what is left looks harmful');
});

test('an answer into which something was put is cut by token, also at its beginning', () => {
  const row = answered(`${BEFORE} ${RIGHT}`);
  const insertion: [number, number] = [0, tokens(BEFORE)];
  assert.equal(cutRow(row, { spans: [insertion], pOutside: 0.9 }, tokenizer), undefined);
  const found = { spans: [insertion], pOutside: 0.02, inserted: true as const };
  assert.deepEqual(cutRow(row, found, tokenizer), answered(RIGHT));
  assert.deepEqual(partsOf(row, found, tokenizer), { parts: [BEFORE], rest: RIGHT });
});
