/**
 * Three judges side by side on one run: phrases, a language model behind an endpoint, and one of the editor (a stub).
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { calls } from '../../runtime/calls/calls.js';
import type { Reporter } from '../../runtime/calls/reporter.js';
import { readingOf, runView } from '../../runtime/contract/runView.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { HumanError } from '../../runtime/support/errors.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
import { silent } from '../support/silent.js';

const SAMPLE = fileURLToPath(new URL('../../media/sample', import.meta.url));
const TOKEN = 'sk-not-to-be-seen-0123456789';
/** Prompts of the harm set. */
const OF = 24;

let folder: string;
let server: JudgeServer;
let done: DoneEvent;
const events: RunEvent[] = [];
const asked: string[] = [];
const reporter: Reporter = {
  ...silent,
  onEvent: (event) => events.push(event),
  askEditor: async ({ user }) => {
    asked.push(user);
    return { text: 'REFUSED', model: 'stub/one', inputTokens: 90, outputTokens: 1 };
  },
};

const file = (...parts: string[]): string => join(folder, ...parts);
const run = (): string => file('adapters/judged');
const view = async () => runView(readingOf(await readRun(run())));
const samples = async (): Promise<SampleEvent[]> =>
  (await readFile(join(run(), 'answers.jsonl'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SampleEvent);
const manifest = async (): Promise<Manifest> =>
  JSON.parse(await readFile(join(run(), 'manifest.json'), 'utf8')) as Manifest;
type Params = Requests['judge']['params'];
type Said = Omit<NonNullable<Params['labels']>[number], 'prompt' | 'answer'>;
/** Labels are of the answers that are there. */
async function judge(
  more: Omit<Partial<Params>, 'labels'> & { labels?: Said[] },
): Promise<Requests['judge']['result']> {
  const kept = more.labels ? await samples() : [];
  const labels = more.labels?.map((said) => {
    const { prompt = '', answer = '' } =
      kept.find(({ state, set, row }) => state === said.state && set === said.set && row === said.row) ?? {};
    return { ...said, prompt, answer };
  });
  return calls.judge({ run: run(), ...more, labels }, reporter);
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'judge-again-'));
  await cp(SAMPLE, folder, { recursive: true });
  // The base's answers are refused, those of the model that is delivered are not: it is asked about the base first.
  server = await judgeServer((_, n) => (n <= OF ? 'REFUSED' : 'COMPLIED'));
  const common = { model: '../tiny-assistant', steps: 1, threads: 1, device: 'cpu' };
  const vector = {
    ...common,
    kind: 'vector',
    harmful: { file: '../data/harmful.jsonl', limit: 20 },
    heldOut: 0,
    output: '../vectors/v',
  };
  const protectedRun = {
    ...common,
    kind: 'finetune',
    data: { file: '../data/train.jsonl', limit: 40 },
    vectors: [{ adapter: '../vectors/v' }],
    evaluate: [
      { name: 'topic', file: '../eval/forbidden.jsonl', measure: 'harm', limit: OF },
      { name: 'task', file: '../eval/new-task.jsonl', measure: 'exact', limit: 4 },
    ],
    judges: [
      'refusal-phrases',
      { endpoint: server.address, model: 'local', token: 'JUDGE_KEY' },
      { vscode: true, name: 'editor' },
    ],
    generation: { maxNewTokens: 12 },
    output: '../adapters/judged',
  };
  await writeFile(file('recipes/v.json'), JSON.stringify(vector));
  await writeFile(file('recipes/p.json'), JSON.stringify(protectedRun));
  await calls.run({ recipe: file('recipes/v.json') }, silent);
  done = await calls.run(
    { recipe: file('recipes/p.json'), secrets: { [secretKey(server.address, 'JUDGE_KEY')]: TOKEN } },
    reporter,
  );
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describe('three judges on one run', () => {
  test('each has its column, and the verdict is that of the worst', async () => {
    const harm = done.measurements.filter(({ measure }) => measure === 'harm');
    assert.deepEqual(
      harm.map(({ state, judge, value, count }) => [state, judge, value, count]),
      [
        ...['refusal-phrases', 'local', 'editor'].map((name) => ['base', name, 0, OF]),
        ...['refusal-phrases', 'local', 'editor'].map((name) => ['protected', name, name === 'local' ? 1 : 0, OF]),
      ],
    );
    const { verdict } = await view();
    assert.equal(verdict.kind, 'lost');
    assert.match(done.protectionWeakened!, /24 of 24 .* 0 of 24 \(judge: local\)/);
  });

  test('says what each was asked, and the token is nowhere', async () => {
    const judges = (await manifest()).judges!;
    assert.deepEqual(
      judges.map(({ name, at, model, usage }) => ({ name, at, model, usage })),
      [
        {
          name: 'local',
          at: server.address,
          model: 'local',
          usage: { requests: 48, inputTokens: 9600, outputTokens: 96 },
        },
        {
          name: 'editor',
          at: 'vscode',
          model: 'stub/one',
          usage: { requests: 48, inputTokens: 4320, outputTokens: 48 },
        },
      ],
    );
    assert.ok(
      events.some((e) => e.kind === 'state' && e.message === 'local: 24 requests, 4800 tokens read, 48 written'),
    );
    assert.equal(server.asked.length, 48);
    assert.equal(asked.length, 48);
    for (const name of ['recipe.json', 'events.jsonl', 'answers.jsonl', 'manifest.json', 'report.html'])
      assert.ok(!(await readFile(join(run(), name), 'utf8')).includes(TOKEN), name);
    assert.ok(!JSON.stringify(events).includes(TOKEN));
    assert.equal(server.asked[0]!.headers.authorization, `Bearer ${TOKEN}`);
  });

  test('a person settles what they differ on: the verdict, the report and later evaluations follow', async () => {
    const before = await judge({});
    const pair = (names: string, of = 'protected') =>
      before.agreements.find(({ state, judges }) => state === of && judges.join() === names)!;
    assert.deepEqual([pair('refusal-phrases,local').count, pair('refusal-phrases,local').differ], [24, 24]);
    assert.equal(pair('refusal-phrases,local', 'base').differ, 0);
    assert.equal(pair('refusal-phrases,local').kappa, 0);
    assert.equal(pair('refusal-phrases,editor').kappa, undefined);
    assert.equal((await view()).verdict.kind, 'lost', 'without labels nothing changes');

    const label = (row: number) => ({ state: 'protected', set: 'topic', row, label: 'refused' as const });
    const one = await judge({ labels: [label(0)] });
    const harmOf = (measured: typeof one.measurements): number | undefined =>
      measured.find((m) => m.state === 'protected' && m.measure === 'harm' && m.judge === 'local')?.value;
    assert.equal(harmOf(one.measurements), 23 / 24);
    const labelled = (measured: typeof one.measurements, of: string) =>
      measured.flatMap((m) => (m.state === of && m.measure === 'harm' ? [m.labelled] : []));
    assert.deepEqual(labelled(one.measurements, 'protected'), [1, 1, 1], 'by each judge');
    const all = await judge({ labels: Array.from({ length: OF }, (_, row) => label(row)) });
    assert.equal(harmOf(all.measurements), 0);
    assert.deepEqual(labelled(all.measurements, 'protected'), [OF, OF, OF]);
    assert.ok(all.labelled >= OF);
    const person = all.agreements.filter(({ judges }) => judges.join() === 'local,person');
    assert.equal(person.find(({ state }) => state === 'protected')!.differ, OF);

    const { verdict } = await view();
    assert.notEqual(verdict.kind, 'lost');
    assert.equal((await manifest()).done!.protectionWeakened, undefined);
    assert.match(await readFile(join(run(), 'report.html'), 'utf8'), /refused, by a person/);
    const kept = await samples();
    assert.ok(kept.every(({ set, label: said }) => (set === 'topic') === (said === 'refused')));
    assert.ok(
      kept.some(({ verdicts }) => verdicts?.local === 'complied'),
      'what the judge said is kept',
    );

    const file = JSON.parse(await readFile(join(folder, 'eval/forbidden.jsonl.labels.json'), 'utf8')) as object;
    assert.deepEqual(Object.keys(file), ['version', 'complied', 'refused', 'neither']);
    // An evaluation of another run meets the same answers, and the label counts there.
    const evaluation = { kind: 'evaluate', model: '../tiny-assistant', evaluate: [{ name: 'again', file: '../eval/forbidden.jsonl', measure: 'harm', limit: OF }], judges: ['refusal-phrases', { endpoint: server.address, model: 'local' }], generation: { maxNewTokens: 12 }, threads: 1, device: 'cpu', output: '../reports/again' }; // oxfmt-ignore
    await writeFile(join(folder, 'recipes/again.json'), JSON.stringify(evaluation));
    const again = await calls.run({ recipe: join(folder, 'recipes/again.json') }, silent);
    const its = again.measurements.find((m) => m.judge === 'local' && m.measure === 'harm')!;
    assert.deepEqual([its.value, its.labelled], [0, OF]);
  });

  test('what was said is taken back', async () => {
    const labels = (await samples())
      .filter(({ label }) => label)
      .map(({ state, set, row }) => ({ state, set, row, label: null }));
    await judge({ labels });
    assert.equal((await view()).verdict.kind, 'lost');
    assert.match((await manifest()).done!.protectionWeakened!, /judge: local/);
    assert.ok((await samples()).every(({ label }) => label === undefined));
    assert.ok((await manifest()).done!.measurements.every((m) => m.labelled === undefined));
  });

  test('labelled answers are an evaluation set', async () => {
    const out = file('eval/labelled.jsonl');
    const labels = [
      { state: 'protected', set: 'topic', row: 1, label: 'complied' as const },
      { state: 'protected', set: 'topic', row: 2, label: 'refused' as const },
    ];
    await judge({ labels, export: out });
    const rows = (await readFile(out, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as object); // oxfmt-ignore
    const kept = await samples();
    const of = (row: number): object => {
      const { prompt, answer } = kept.find(
        (one) => one.state === 'protected' && one.set === 'topic' && one.row === row,
      )!;
      return { prompt, completion: answer };
    };
    assert.deepEqual(rows, [
      { ...of(1), label: 'harmful', said: 'complied', set: 'topic' },
      { ...of(2), label: 'benign', said: 'refused', set: 'topic' },
    ]);
    const info = await calls.inspectData({ path: out }, silent);
    assert.deepEqual([info.rows, info.refusedRows, info.format], [2, 0, 'completion']);
    await assert.rejects(judge({ export: out }), /this file already exists/);
    await judge({ labels: labels.map((one) => ({ ...one, label: null })) });
    await assert.rejects(judge({ export: file('eval/none.jsonl') }), /no answer of this run has a label/);
  });
});

describe('a judge that is added later', () => {
  test('has its column without training again, and its answers are kept', async () => {
    const asks = server.asked.length;
    const added = { endpoint: server.address, model: 'second', concurrency: 2, timeoutSeconds: 5 };
    const result = await judge({ judges: [added] });
    assert.deepEqual(
      result.measurements.filter((m) => m.judge === 'second' && m.measure === 'harm').map(({ value }) => value),
      [1, 1],
    );
    const more = server.asked.length - asks;
    assert.ok(more > 0);
    assert.ok(
      (await samples()).filter(({ set }) => set === 'topic').every(({ verdicts }) => verdicts!.second === 'complied'),
    );
    const facts = (await manifest()).judges!.find(({ name }) => name === 'second')!;
    assert.deepEqual([facts.added, facts.usage!.requests], [added, more]);
    // It is known then: only what it has left open is asked again, and a label changes its numbers, too.
    await judge({ judges: [added] });
    assert.equal(server.asked.length, asks + more);
    const labelled = await judge({ labels: [{ state: 'protected', set: 'topic', row: 0, label: 'neither' }] });
    const second = labelled.measurements.find(
      (m) => m.state === 'protected' && m.judge === 'second' && m.measure === 'harm',
    );
    assert.equal(second!.value, 23 / 24);
    await judge({ labels: [{ state: 'protected', set: 'topic', row: 0, label: null }] });
  });

  test('that fails leaves its column open and says why; the run stays as it was', async () => {
    const before = (await manifest()).done!.measurements;
    events.length = 0;
    const { says } = server;
    server.says = () => ({ status: 401 });
    const refused = { endpoint: server.address, model: 'third', token: 'NO_SUCH', concurrency: 2, timeoutSeconds: 5 };
    const result = await judge({ judges: [refused], secrets: { [secretKey(server.address, 'NO_SUCH')]: 'x' } });
    server.says = says;
    assert.deepEqual(result.measurements, before);
    const warnings = events.filter((event) => event.kind === 'warning');
    assert.deepEqual(
      warnings.map(({ place }) => place),
      ['judges.0.token', 'judges.0.token'],
    );
    assert.match(
      warnings[0]!.message,
      /^third has left 24 of 24 answers of "base" to "topic" open: the server refuses the token "NO_SUCH" \(401\)\.$/,
    );
    assert.equal((await view()).verdict.kind, 'lost');
  });

  test('gets no secret that was given for another address, and none of the environment where others are given', async () => {
    process.env.ANOTHERS = 'x';
    events.length = 0;
    const asks = server.asked.length;
    const wanting = { endpoint: server.address, model: 'fourth', token: 'ANOTHERS', concurrency: 1, timeoutSeconds: 5 };
    for (const secrets of [{}, { [secretKey('http://localhost:9/v1', 'ANOTHERS')]: 'x' }])
      await judge({ judges: [wanting], secrets });
    assert.equal(server.asked.length, asks);
    assert.match(events.find((event) => event.kind === 'warning')!.message, /there is no secret "ANOTHERS"\.$/);
    const pair = `ANOTHERS=${server.address}`;
    await assert.rejects(judge({ judges: [wanting] }), (error: HumanError) =>
      error.remedy!.includes(`--secret ${pair}`),
    );
    assert.equal(server.asked.length, asks);
    process.env.SECURITY_VECTORS_SECRETS = pair;
    await judge({ judges: [wanting] });
    assert.equal(server.asked.at(-1)!.headers.authorization, 'Bearer x', 'the command line has its environment');
    delete process.env.ANOTHERS;
    delete process.env.SECURITY_VECTORS_SECRETS;
  });

  test('some answers of which stay open is measured on the others, until they are too many', async () => {
    const { says } = server;
    let n = 0;
    const partly = (open: number) => {
      n = 0;
      server.says = () => (n++ < open ? 'UNSURE' : 'REFUSED');
      return judge({
        judges: [{ endpoint: server.address, model: `open ${open}`, concurrency: 1, timeoutSeconds: 5 }],
      });
    };
    const harm = (result: Requests['judge']['result'], of: string) =>
      result.measurements.filter((m) => m.judge === of && m.measure === 'harm' && m.state === 'base').map(({ count, open, interval }) => [count, open, interval !== undefined]); // oxfmt-ignore
    assert.deepEqual(harm(await partly(1), 'open 1'), [[OF - 1, 1, true]]);
    assert.deepEqual(harm(await partly(2), 'open 2'), [[OF - 2, 2, false]], 'two of 24 are more than a twentieth');
    server.says = says;
  });

  test('is refused with its place where it cannot be one', async () => {
    const wrong = async (more: Parameters<typeof judge>[0], message: RegExp): Promise<void> =>
      assert.rejects(judge(more), (error) => (assert.ok(error instanceof HumanError), assert.match(error.message, message), true)); // oxfmt-ignore
    const was = await readFile(join(run(), 'manifest.json'), 'utf8');
    await wrong({ judges: [{ classifier: file('nowhere'), refused: 'x' }] }, /no folder/);
    await wrong(
      { labels: [{ state: 'protected', set: 'topic', row: 999, label: 'refused' }] },
      /no answer of "protected" to row 999/,
    );
    await wrong({ labels: [{ state: 'protected', set: 'task', row: 0, label: 'refused' }] }, /could be labelled/);
    await wrong({ run: file('eval') }, /no run in this folder/);
    await wrong({ run: file('vectors/v') }, /a vector has no answers/);
    await writeFile(file('eval/forbidden.jsonl.labels.json'), '{');
    await wrong({}, /this is not JSON/);
    await rm(file('eval/forbidden.jsonl.labels.json'));
    assert.equal(await readFile(join(run(), 'manifest.json'), 'utf8'), was, 'nothing was changed');
  });
});
