/** The training panel as its page meets it: requests in, states and the recipe's file out. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { Uri, workspace } from './fake/vscode.js';
import { step } from './support.js';
import { opened } from './trainingPanel.js';

test('the strongest recipe is shown first; who changes it has chosen it', async (t) => {
  const { at, ask, state, read, bugs } = await opened(t);
  assert.equal(state().recipe, at('protected'));
  const before = await read('protected');
  assert.deepEqual(await ask({ type: 'protect', on: false }), { kind: 'result' });
  // Unprotected it is no longer the strongest, and is still the one that is shown.
  assert.deepEqual([state().recipe, state().form?.isProtected], [at('protected'), false]);
  assert.match(await read('protected'), /"vectors": \[\],\n {2}"protection": false,/);
  await ask({ type: 'protect', on: true });
  assert.deepEqual([await read('protected'), state().form?.isProtected, bugs], [before, true, []]);
});

test('what the switch took out can be put back before its vector is trained', async (t) => {
  const { root, ask, state, read } = await opened(t, { adapters: [] });
  const before = await read('protected');
  await ask({ type: 'protect', on: false });
  assert.deepEqual([state().form?.isProtected, state().form?.canProtect], [false, true]);
  await ask({ type: 'protect', on: true });
  assert.equal(await read('protected'), before);
  // With another model its vectors do not fit.
  await ask({ type: 'protect', on: false });
  await ask({ type: 'choose', key: 'model', value: join(root, 'other') });
  assert.equal(state().form?.canProtect, false);
});

test('with a model and no recipe it leads: first a vector, and with one the protected fine-tuning', async (t) => {
  const adapters: { role: string; path: string; reason: null }[] = [];
  const { at, ask, state, run, store, read } = await opened(t, { written: ['vector'], adapters });
  const actions = () => state().notices.flatMap(({ buttons }) => buttons.map(({ action }) => action));
  assert.match(state().notices[0]!.text, /^First train a security vector/);
  assert.deepEqual(actions(), ['trainVector', 'newRecipe']);
  const made = store.begin(recipeFacts(await read('vector'), at('vector'))!, 'forbidden-topic', false);
  await ask({ type: 'ready' });
  assert.deepEqual([state().notices[0]!.text, actions()], ['forbidden-topic is being trained.', []]);
  Object.assign(made, { live: false, elsewhere: { pid: 1, host: 'here', started: '', since: '' } });
  await ask({ type: 'ready' });
  assert.deepEqual([state().notices[0]!.text, actions()], ['forbidden-topic is being trained.', []]);
  Object.assign(made, { live: true, elsewhere: undefined });
  made.done = { kind: 'done', outcome: 'finished', output: '', step: 9, seconds: 1, measurements: [] };
  await store.end(made);
  adapters.push({ role: 'security', path: made.folder, reason: null });
  await ask({ type: 'ready' });
  assert.deepEqual(actions(), ['newRecipe', 'trainVector']);
  assert.equal(run()?.id, made.folder, 'how it ended stays there');
});

test('a choice writes the file; in an editor with unsaved changes it joins them and saves nothing', async (t) => {
  const { root, at, ask, state, read } = await opened(t);
  await ask({ type: 'choose', key: 'model', value: join(root, 'other') });
  assert.match(await read('protected'), /"model": "\.\.\/other"/);
  const saved = await read('protected');
  const document = await workspace.openTextDocument(Uri.file(at('protected')));
  document.edit(saved.replace('"epochs": 6', '"epochs": 7'));
  await ask({ type: 'choose', key: 'data', value: join(root, 'data/benign.jsonl') });
  assert.equal(await read('protected'), saved);
  assert.match(document.getText(), /"data": \{ "file": "\.\.\/data\/benign\.jsonl" \}[^]*"epochs": 7/);
  // What is shown is what stands in the editor.
  assert.equal(state().form?.fields.data.value, join(root, 'data/benign.jsonl'));
  assert.equal(state().form?.settings[1]?.text, '7 epochs');
});

test('a data file that is dropped becomes the data of the recipe; what is none is refused', async (t) => {
  const { root, ask, state, read } = await opened(t);
  assert.deepEqual(await ask({ type: 'drop', uris: `file://${root}/data/benign.jsonl` }), { kind: 'result' });
  assert.equal(state().form?.fields.data.value, join(root, 'data/benign.jsonl'));
  const written = await read('protected');
  const refused = await ask({ type: 'drop', uris: `file://${root}/README.md` });
  assert.equal(refused.kind === 'error' && refused.error.message, 'no data file was dropped.');
  assert.equal(await read('protected'), written);
});

test('the chosen recipe comes back with the window, and one that is gone makes room', async (t) => {
  const kept = new Map<string, unknown>();
  const { at, ask, state } = await opened(t, { kept });
  await ask({ type: 'chooseRecipe', file: at('plain') });
  assert.equal(state().recipe, at('plain'));
  assert.ok([...kept.values()].includes(at('plain')));
  kept.set('training.recipe', '/gone.json');
  const again = await opened(t, { kept });
  assert.equal(again.state().recipe, again.at('protected'));
});

test('where nothing is trusted, nothing is written, whatever the page asks', async (t) => {
  const { root, ask, state, read, done } = await opened(t, { trusted: false });
  assert.deepEqual([state().locked, state().notices[0]?.buttons[0]?.action], [true, 'trust']);
  const before = await read('protected');
  for (const request of [
    { type: 'protect', on: false },
    { type: 'choose', key: 'data', value: join(root, 'data/benign.jsonl') },
    { type: 'toggleAdapter', path: '/a', attached: true },
  ] as const)
    assert.equal((await ask(request)).kind, 'error', request.type);
  assert.deepEqual([await read('protected'), done], [before, []]);
});

test('a recipe that cannot be read says where, and is not written over', async (t) => {
  const { at, ask, state, read } = await opened(t);
  await ask({ type: 'chooseRecipe', file: at('plain') });
  const broken = (await read('plain')).replace('"method"', 'method');
  await writeFile(at('plain'), broken);
  await ask({ type: 'chooseRecipe', file: at('plain') });
  assert.deepEqual([state().form, state().error?.place], [undefined, `${at('plain')}:5`]);
  assert.equal((await ask({ type: 'protect', on: true })).kind, 'error');
  assert.equal(await read('plain'), broken);
});

test('the run of the recipe is shown as it goes; others wait in the list and are stopped there', async (t) => {
  const { root, at, ask, run, state, events, store, done, read } = await opened(t);
  assert.equal(run(), undefined);
  const facts = recipeFacts(await read('protected'), at('protected'))!;
  const own = store.begin(facts, 'orders-protected', false);
  const other = store.begin({ ...facts, file: at('plain'), output: join(root, 'adapters/plain') }, 'plain', false);
  await ask({ type: 'ready' });
  assert.equal(run()?.id, own.folder);
  assert.deepEqual(
    state().queue.runs.map(({ id }) => id),
    [other.folder],
  );
  assert.equal(state().form?.canStart, false);
  store.append(own, [step(1)]);
  const last = events.at(-1)!;
  assert.ok(last.type === 'append' && last.progress.step === 1, JSON.stringify(last));
  await ask({ type: 'stop' });
  await ask({ type: 'stopOther', id: other.folder });
  await ask({ type: 'start' });
  // When both have ended, the one of the recipe stays, and not the one that ended last.
  await store.end(own);
  await ask({ type: 'ready' });
  assert.equal(run()?.id, other.folder);
  await store.end(other);
  await ask({ type: 'ready' });
  assert.equal(run()?.id, own.folder);
  assert.deepEqual(done, [`stop ${own.folder}`, `stop ${other.folder}`, `start ${at('protected')}`]);
});

test('runs that wait stand in their order, the one that is shown, too; the queue is changed and paused from there', async (t) => {
  const { root, at, ask, state, run, store, done, read } = await opened(t);
  const facts = recipeFacts(await read('protected'), at('protected'))!;
  const other = (name: string) =>
    store.begin({ ...facts, file: at(name), output: join(root, `adapters/${name}`) }, name, false);
  const [working, first] = [other('plain'), other('paper')];
  const own = store.begin(facts, 'orders-protected', false);
  store.queued(own, 2, 'Place 2 of 2 in the queue.');
  store.queued(first, 1, 'Waiting for "plain" to end.');
  await ask({ type: 'ready' });
  assert.equal(run()?.id, own.folder);
  assert.deepEqual(
    state().queue.runs.map(({ id, place }) => [id, place]),
    [
      [working.folder, undefined],
      [first.folder, 1],
      [own.folder, 2],
    ],
  );
  assert.equal(state().queue.runs[1]?.awaits, undefined);
  store.queued(first, 1, 'Waits for "x", whose run was cut off. Resume it first.', 'x');
  await ask({ type: 'ready' });
  assert.deepEqual(state().queue.runs[1]?.awaits, { text: first.progress.message, button: 'Resume x' });
  await ask({ type: 'resumeAwaited', id: first.folder });
  assert.deepEqual(done.splice(0), [`resumeAwaited ${first.folder}`]);
  await ask({ type: 'move', id: own.folder, to: 'up' });
  assert.deepEqual(done, [`move ${own.folder} up`]);
  await ask({ type: 'pauseQueue', paused: true });
  for (let i = 0; i < 1500 && !state().queue.paused; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(state().queue.paused, true);
});

test('what the run will take stands beside Start, and is asked for in a trusted workspace only', async (t) => {
  const trusted = await opened(t);
  await trusted.ask({ type: 'chooseRecipe', file: trusted.at('plain') });
  for (let i = 0; i < 1500 && !trusted.state().form?.expected; i++) await new Promise((done) => setTimeout(done, 20));
  const { text, details, fits } = trusted.state().form!.expected!;
  assert.deepEqual([text, fits], ['about 40 s · 0.4 GB', true]);
  assert.match(details, /weights 0\.3 GB, .* activations 0\.05/);
  const locked = await opened(t, { trusted: false });
  await locked.ask({ type: 'chooseRecipe', file: locked.at('plain') });
  await new Promise((done) => setTimeout(done, 200));
  assert.equal(locked.state().form?.expected, undefined);
});
