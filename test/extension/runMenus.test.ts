/** What the view offers of a run that is over is what can be done with one of its kind and end. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import { fill } from '../../runtime/contract/format.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { COMMAND_ARGUMENTS } from '../../extension/host/commandArguments.js';
import { COMMANDS, type CommandName } from '../../extension/host/contributions.js';
import { useTranslations } from '../../extension/host/text.js';
import { createRun, type Run } from '../../extension/runs/run.js';
import type { Services } from '../../extension/services/services.js';
import { fake, window } from './fake/vscode.js';
import { manifest } from './support.js';

const { badgeOf, itemOf } = await import('../../extension/views/runs.js');
const { exportLabels, judgeAgain } = await import('../../extension/commands/judgeAgain.js');
const { compareRuns } = await import('../../extension/commands/manageRuns.js');
const { runAgain, showAnswers } = await import('../../extension/commands/runs.js');

interface Entry {
  command: string;
  when: string;
  group?: string;
}
const { commands, menus } = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    contributes: {
      commands: { command: string; enablement?: string }[];
      menus: { 'view/item/context': Entry[] };
    };
  }
).contributes;

const asking = (measure: string) => ({ file: '/w/gone.json', evaluate: [{ measure }], vectors: [], raw: {} });
const run = (kind: Manifest['kind'], state: Run['progress']['state'], more: object = {}): Run => {
  const made = createRun(`/w/${kind}`, kind);
  return Object.assign(
    made,
    { manifest: manifest('/w', { kind }), recipe: asking('harm'), progress: { ...made.progress, state } },
    more,
  );
};
const knowing = (...all: Run[]): Services =>
  ({
    assertTrusted: () => undefined,
    recipes: { list: () => [] },
    store: { open: async () => all[0], list: () => all, nameOf: ({ name }: Run) => name, selected: [] },
  }) as unknown as Services;
const point: SweepPoint = { values: { seed: 1 }, folder: '/w/s/points/a', verdict: 'held', headline: '', measurements: [], seconds: 1 }; // oxfmt-ignore

const ASKED: CommandName[] = ['judgeAgain', 'exportLabels', 'showAnswers', 'openReport', 'trainLonger', 'runAgain'];

/** Those of `ASKED` that the row of the run has. */
function offered(of: Run): CommandName[] {
  const found = commandsOf(of);
  return ASKED.filter((name) => found.includes(COMMANDS[name]));
}

/** All that the row of the run has. */
function commandsOf(of: Run, isInSweep?: boolean): string[] {
  const item = itemOf(of, isInSweep);
  const isFor = ({ when }: Entry): boolean => {
    const [, equal, pattern] = /viewItem (?:== (\S+)|=~ \/(.+)\/)/.exec(when)!;
    return (
      when.includes('securityVectors.runs') && (equal === undefined ? new RegExp(pattern!).test(item) : equal === item)
    );
  };
  return menus['view/item/context'].filter(isFor).map(({ command }) => command);
}

const over = ['openReport', 'trainLonger', 'runAgain'];
const judged = ['judgeAgain', 'exportLabels'];
const checkpoint = { hasCheckpoint: true };
for (const [what, of, expected] of [
  ['a vector', run('vector', 'finished'), over],
  ['a fine-tuning', run('finetune', 'finished'), [...judged, 'showAnswers', ...over]],
  ['a fine-tuning that measured losses only', run('finetune', 'finished', { recipe: asking('loss') }), over],
  ['a fine-tuning that was stopped', run('finetune', 'stopped', checkpoint), ['showAnswers', 'runAgain']],
  ['a vector that was stopped', run('vector', 'stopped', checkpoint), ['runAgain']],
  ['a run that failed before its first step', run('finetune', 'failed'), ['runAgain']],
  ['a sweep', run('sweep', 'finished', { points: [point] }), [...judged, 'openReport', 'runAgain']],
  ['a sweep that was stopped', run('sweep', 'stopped', { points: [point] }), [...judged, 'openReport', 'runAgain']],
  ['a sweep without a point that is done', run('sweep', 'stopped'), ['runAgain']],
  ['a run at work', run('finetune', 'training', { live: true }), []],
] as [string, Run, string[]][])
  test(`the row of ${what} offers ${expected.join(', ') || 'none of these'}, and the palette to run it again if that does`, async () => {
    assert.deepEqual(offered(of), expected);
    // The one run that fits is taken; its recipe is gone.
    const found = expected.includes('runAgain') ? /the recipe of this run is gone/ : /"Run again" fits no run here/;
    await assert.rejects(runAgain(knowing(of), {}), found);
  });

test("the row of a sweep's point offers what that of another run does, but for its recipe, which is the base's, and the trash: the table of its sweep names it", async () => {
  const { runAgain: again, openRecipe, deleteRuns } = COMMANDS;
  for (const recipe of [asking('harm'), asking('loss')]) {
    const single = run('finetune', 'finished', { recipe });
    const ofSweep = { recipe, manifest: manifest('/w', { point: { values: { seed: 1 }, depends: '' } }) };
    const one = run('finetune', 'finished', ofSweep);
    const without = (...names: string[]): string[] => commandsOf(single).filter((command) => !names.includes(command));
    assert.deepEqual(commandsOf(one), without(again, openRecipe, deleteRuns));
    // Whose sweep is gone can go, too.
    assert.deepEqual(commandsOf(one, false), without(again, openRecipe));
    // So can what was to replace one.
    const next = run('finetune', 'stopped', { ...ofSweep, folder: '/w/s/points/a/next' });
    assert.ok(commandsOf(next).includes(deleteRuns));
    const atWork = run('finetune', 'training', { ...ofSweep, elsewhere: { pid: 1 } });
    assert.deepEqual(commandsOf(atWork), [COMMANDS.openRun, COMMANDS.compareRuns]);
    await assert.rejects(runAgain(knowing(one), {}), /"Run again" fits no run here/);
  }
});

test('the menu of several runs has what is done with all of them', () => {
  for (const { command, when, group = '' } of menus['view/item/context']) {
    if (!when.includes('securityVectors.runs')) continue;
    const name = command.replace('securityVectors.', '') as CommandName;
    const { many } = COMMAND_ARGUMENTS[name];
    // VS Code gives a button in a row the whole selection, too, and it looks like one of the row alone.
    if (!group.startsWith('inline')) assert.equal(when.includes(' && !listMultiSelection'), many === undefined, name);
    else if (many) assert.ok(when.includes(' && !listMultiSelection'), name);
  }
});

test('the badge of the view counts the run at work, and its words those that wait, too', () => {
  const [atWork, first, second] = [{}, { place: 1 }, { place: 2 }].map((more) => run('finetune', 'training', more));
  assert.deepEqual(badgeOf([atWork!, first!, second!]), { value: 1, tooltip: '1 running, 2 waiting' });
  assert.deepEqual(badgeOf([atWork!]), { value: 1, tooltip: '1 running' });
  // In a queue that is paused.
  assert.equal(badgeOf([first!]), undefined);
});

test('what needs a workspace that is trusted is greyed out in others', () => {
  for (const name of ['judgeAgain', 'exportLabels', 'openReport'] as const)
    assert.equal(commands.find(({ command }) => command === COMMANDS[name])!.enablement, 'isWorkspaceTrusted', name);
});

beforeEach(() => {
  fake.answer = () => assert.fail('nothing is asked');
});

test('a run without answers that is given to these commands is refused before anything is asked', async () => {
  const vector = run('vector', 'finished');
  const services = knowing(vector);
  for (const command of [judgeAgain, exportLabels]) {
    await assert.rejects(command(services, { run: vector.folder }), /this run has no answers that can be judged/);
    await assert.rejects(command(services, {}), /"(Judge the answers again|Save labelled answers)" fits no run here/);
  }
  await assert.rejects(showAnswers(services, {}), /"Show answers side by side" fits no run here/);
});

test('a command of the palette for which there are too few runs says so, and lets nobody choose', async () => {
  const compare = (...runs: Run[]): Promise<unknown> =>
    compareRuns({ ...knowing(...runs), comparePanels: { show: () => undefined } } as unknown as Services, {});
  await assert.rejects(compare(), {
    data: { kind: 'input', message: 'there is no run yet.', remedy: 'Run a recipe first.' },
  });
  await assert.rejects(compare(run('finetune', 'finished', { manifest: manifest('/w') })), {
    data: { kind: 'input', message: '"Compare runs" needs 2 runs.', remedy: 'Run another recipe first.' },
  });
});

test('the dialog for labelled answers names its kind of file in the language of the window', async (t) => {
  t.after(() => useTranslations({ t: fill }, 'en'));
  useTranslations({ t: (text) => `<${text}>`, bundle: {} }, 'de');
  const named: string[] = [];
  t.mock.method(window, 'showSaveDialog', async ({ filters }: { filters: object }) => {
    named.push(...Object.keys(filters));
  });
  const of = run('finetune', 'finished');
  await exportLabels(knowing(of), { run: of.folder });
  assert.deepEqual(named, ['<JSON lines>']);
});
