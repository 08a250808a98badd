/** The story with short runs: every part is driven through commands, as views and lenses do it. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { WorkspaceState } from '../../../extension/host/state.js';
import type { Manifest } from '../../../runtime/contract/manifest.js';
import { command, exists, failing, inWorkspace, json, lenses, onFile, root, runShort } from './support.js';

const MODEL = 'tiny-assistant';
const STATE = '.security-vectors/workspace.json';
const adaptersOf = async (): Promise<WorkspaceState['models'][number]['adapters']> =>
  (await json<WorkspaceState>(STATE)).models.find((model) => model.path === MODEL)?.adapters ?? [];
const model = (): string => inWorkspace(MODEL).fsPath;

describe('the story', () => {
  it('copies the sample into the empty folder that is open, with its model listed', async () => {
    assert.equal(await command('openSample', { folder: root().fsPath }), root().fsPath);
    assert.ok(await exists('data/train.jsonl'));
    const { models } = await json<WorkspaceState>(STATE);
    assert.deepEqual(
      models.map(({ path }) => path),
      [MODEL],
    );
  });

  it('refuses to copy it over another', async () => {
    const error = await failing('openSample', root().fsPath);
    assert.match(error.message, /has a ".+" already/);
    assert.equal(error.kind, 'input');
  });

  it('offers to run a recipe, and to scan a data file', async () => {
    const [run] = await lenses('recipes/vector.json', (titles) => titles.some((t) => t.includes('Run')));
    assert.match(run!, /train the security vector/);
    const all = await lenses('recipes/vector.json', (titles) => titles.length > 0);
    // What it takes is told as soon as it is known.
    const [words] = run!.split('  |  ');
    assert.deepEqual(
      all.map((title) => title.split('  |  ')[0]),
      [words],
      'no lens without words',
    );
    await lenses('data/train.jsonl', (titles) => titles.some((t) => t.includes('Scan for harmful rows')));
  });

  it('trains a security vector in its child process', async () => {
    const ended = await runShort('recipes/vector.json', 'short-vector', { output: '../vectors/short', epochs: 6 });
    assert.equal(ended.state, 'finished', ended.error);
    const manifest = await json<Manifest>('vectors/short/manifest.json');
    assert.equal(manifest.role, 'security');
    assert.ok(await exists('vectors/short/adapter/adapter_model.safetensors'));
  });

  it('finds the harmful rows of the data with it, and shows their number above the file', async () => {
    const scan = await command('scan', {
      file: inWorkspace('data/train.jsonl').fsPath,
      vector: inWorkspace('vectors/short').fsPath,
    });
    assert.ok(scan.flagged > 150 && scan.flagged < 195, `${scan.flagged} rows flagged`);
    await lenses('data/train.jsonl', (titles) => titles.some((t) => t.includes(`${scan.flagged} of`)));
    await until(() => problems(inWorkspace('data/train.jsonl')).length === scan.flagged);
  });

  it('marks follow their rows: an edited one is marked as edited, undo restores it, rows above move it', async () => {
    const uri = inWorkspace('data/train.jsonl');
    const before = problems(uri);
    const marked = before.find(({ range }) => range.start.line > 5)!.range.start.line;
    const editor = await vscode.window.showTextDocument(uri);
    await editor.edit((change) => change.insert(new vscode.Position(marked, 3), 'x'));
    await until(() => problems(uri).filter(({ message }) => /edited since the scan/.test(message)).length === 1);
    await lenses('data/train.jsonl', (titles) => titles.some((t) => t.includes('1 edited since the scan')));
    await vscode.commands.executeCommand('undo');
    await until(() => problems(uri).every(({ message }) => !/edited/.test(message)));
    assert.equal(problems(uri).length, before.length);
    await editor.edit((change) => change.insert(new vscode.Position(0, 0), '{"prompt": "a", "completion": "b"}\n'));
    await until(() => problems(uri).some(({ range }) => range.start.line === marked + 1));
    assert.deepEqual(
      problems(uri).map(({ range }) => range.start.line),
      before.map(({ range }) => range.start.line + 1),
    );
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await until(() => problems(uri)[0]?.range.start.line === before[0]!.range.start.line);
  });

  it('stops a run on request, keeps its checkpoint, and goes on from it', async () => {
    const changes = { output: '../adapters/short', epochs: 1, evaluate: [] };
    const running = runShort('recipes/protected.json', 'short-protected', {
      ...changes,
      vectors: [{ adapter: '../vectors/short', scale: 1 }],
    });
    const folder = inWorkspace('adapters/short').fsPath;
    for (let i = 0; i < 300 && !(await stepped('adapters/short/events.jsonl')); i++) await sleep(50);
    assert.equal(await command('stop', { run: folder }), true);
    const stopped = await running;
    assert.equal(stopped.state, 'stopped', stopped.error);
    const { done } = await json<Manifest>('adapters/short/manifest.json');
    assert.ok(done!.step > 0);
    const resumed = await command('resume', { run: folder });
    assert.equal(resumed.state, 'finished', resumed.error);
    const manifest = await json<Manifest>('adapters/short/manifest.json');
    assert.ok(manifest.done!.step > done!.step, `${manifest.done!.step} steps after ${done!.step}`);
    assert.deepEqual(Object.values(manifest.done!.laws ?? {}), [true, true, true]);
  });

  it('attaches and detaches: the workspace remembers', async () => {
    const adapter = inWorkspace('adapters/short').fsPath;
    await command('attach', { model: model(), adapter });
    assert.deepEqual(
      (await adaptersOf()).filter((a) => a.attached).map(({ path }) => path.split('/')[1]),
      ['short'],
    );
    await command('detach', { model: model(), adapter });
    assert.deepEqual(
      (await adaptersOf()).filter((a) => a.attached),
      [],
    );
  });

  it('attaches a security vector only when the danger was confirmed', async () => {
    const argument = { model: model(), adapter: inWorkspace('vectors/short').fsPath };
    await command('attach', { ...argument, confirmed: true });
    assert.equal((await adaptersOf()).filter((a) => a.attached).length, 1);
    await command('detach', argument);
    assert.equal((await adaptersOf()).filter((a) => a.attached).length, 0);
  });

  it('evaluates base and protected side by side, and shows the result above the set and over its rows', async () => {
    const ended = await onFile('evaluate', inWorkspace('eval/forbidden.jsonl'));
    assert.equal(ended.state, 'finished', ended.error);
    const harm = (state: string): number | undefined =>
      ended.measurements.find((m) => m.state === state && m.measure === 'harm')?.value;
    assert.ok(harm('base')! <= 0.05, `harm of the base: ${harm('base')}`);
    assert.ok(harm('protected')! <= 0.2, `harm of the protected model: ${harm('protected')}`);
    await lenses('eval/forbidden.jsonl', (all) => all.some((t) => /base [\d.]+\s% · protected [\d.]+\s%/.test(t)));
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      inWorkspace('eval/forbidden.jsonl'),
      new vscode.Position(0, 4),
    );
    const text = hovers.flatMap(({ contents }) =>
      contents.map((part) => (typeof part === 'string' ? part : part.value)),
    );
    assert.match(text.join('\n'), /\*\*base\*\* — refused[^]*\*\*protected\*\* — (refused|complied|neither)/);
  });

  it('shows where a recipe is wrong and what to do', async () => {
    const ended = await runShort('recipes/vector.json', 'wrong', { objectiv: {} });
    assert.equal(ended.state, 'failed');
    assert.match(ended.error ?? '', /objectiv/);
  });
});

const problems = (uri: vscode.Uri): vscode.Diagnostic[] => vscode.languages.getDiagnostics(uri);

async function until(is: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !is(); i++) await sleep(50);
  assert.ok(is(), is.toString());
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function stepped(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  const text = Buffer.from(await vscode.workspace.fs.readFile(inWorkspace(path))).toString();
  return text.split('"kind":"step"').length > 8;
}
