/** What the view offers of a run that is over is what can be done with one of its kind and end. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { COMMANDS, type CommandName } from '../../extension/host/contributions.js';
import { createRun, type Run } from '../../extension/runs/run.js';
import type { Services } from '../../extension/services/services.js';
import { fake } from './fake/vscode.js';

const { itemOf } = await import('../../extension/views/runs.js');
const { exportLabels, judgeAgain } = await import('../../extension/commands/judgeAgain.js');
const { showAnswers } = await import('../../extension/commands/runs.js');

interface Entry {
  command: string;
  when: string;
}
const { commands, menus } = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    contributes: {
      commands: { command: string; enablement?: string }[];
      menus: { 'view/item/context': Entry[] };
    };
  }
).contributes;

const asking = (measure: string) => ({ evaluate: [{ measure }], raw: {} });
const run = (kind: Manifest['kind'], state: Run['progress']['state'], more: object = {}): Run => {
  const made = createRun(`/w/${kind}`, kind);
  return Object.assign(
    made,
    { manifest: { kind }, recipe: asking('harm'), progress: { ...made.progress, state } },
    more,
  );
};
const point: SweepPoint = { values: { seed: 1 }, folder: '/w/s/points/a', verdict: 'held', headline: '', measurements: [], seconds: 1 }; // oxfmt-ignore

const ASKED: CommandName[] = ['judgeAgain', 'exportLabels', 'showAnswers', 'openReport', 'trainLonger'];

/** Those of `ASKED` that the row of the run has. */
function offered(of: Run): string[] {
  const item = itemOf(of);
  const isFor = ({ when }: Entry): boolean => {
    const [, equal, pattern] = /viewItem (?:== (\S+)|=~ \/(.+)\/)/.exec(when)!;
    return (
      when.includes('securityVectors.runs') && (equal === undefined ? new RegExp(pattern!).test(item) : equal === item)
    );
  };
  const found = menus['view/item/context'].filter(isFor).map(({ command }) => command);
  return ASKED.filter((name) => found.includes(COMMANDS[name]));
}

const judged = ['judgeAgain', 'exportLabels'];
const checkpoint = { hasCheckpoint: true };
for (const [what, of, expected] of [
  ['a vector', run('vector', 'finished'), ['openReport', 'trainLonger']],
  ['a fine-tuning', run('finetune', 'finished'), [...judged, 'showAnswers', 'openReport', 'trainLonger']],
  [
    'a fine-tuning that measured losses only',
    run('finetune', 'finished', { recipe: asking('loss') }),
    ['openReport', 'trainLonger'],
  ],
  ['a fine-tuning that was stopped', run('finetune', 'stopped', checkpoint), ['showAnswers']],
  ['a vector that was stopped', run('vector', 'stopped', checkpoint), []],
  ['a sweep', run('sweep', 'finished', { points: [point] }), [...judged, 'openReport']],
  ['a sweep that was stopped', run('sweep', 'stopped', { points: [point] }), [...judged, 'openReport']],
  ['a sweep without a point that is done', run('sweep', 'stopped'), []],
  ['a run at work', run('finetune', 'training', { live: true }), []],
] as [string, Run, string[]][])
  test(`the row of ${what} offers ${expected.join(', ') || 'none of these'}`, () =>
    assert.deepEqual(offered(of), expected));

test('what needs a workspace that is trusted is greyed out in others', () => {
  for (const name of ['judgeAgain', 'exportLabels', 'openReport'] as const)
    assert.equal(commands.find(({ command }) => command === COMMANDS[name])!.enablement, 'isWorkspaceTrusted', name);
});

beforeEach(() => {
  fake.answer = () => assert.fail('nothing is asked');
});

test('a run without answers that is given to these commands is refused before anything is asked', async () => {
  const vector = run('vector', 'finished');
  const services = {
    assertTrusted: () => undefined,
    store: { open: async () => vector, list: () => [vector] },
  } as unknown as Services;
  for (const command of [judgeAgain, exportLabels]) {
    await assert.rejects(command(services, { run: vector.folder }), /this run has no answers that can be judged/);
    await assert.rejects(command(services, {}), /there is no such run/);
  }
  await assert.rejects(showAnswers(services, {}), /there is no such run/);
});
