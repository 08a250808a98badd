/** "+" of the training panel: the recipe that is made is shown then, and no other one that comes later. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { commands } from './fake/vscode.js';
import { opened } from './trainingPanel.js';

test('a recipe that is made by the wizard is shown, also when its run goes on', async (t) => {
  const panel = await opened(t);
  let end = (): void => undefined;
  commands.executeCommand = async () => {
    await cp(panel.at('plain'), panel.at('made'));
    await panel.recipes.read(panel.at('made'));
    await new Promise<void>((resolve) => (end = resolve));
  };
  await panel.ask({ type: 'act', action: 'newRecipe' });
  for (let i = 0; i < 1500 && !panel.recipes.get(panel.at('made')); i++) await sleep(10);
  await panel.ask({ type: 'ready' });
  assert.equal(panel.state().recipe, panel.at('made'));
  // The person looks at another one, and is left there when the run has ended.
  await panel.ask({ type: 'chooseRecipe', file: panel.at('paper') });
  end();
  await nextTurn();
  await panel.ask({ type: 'ready' });
  assert.equal(panel.state().recipe, panel.at('paper'));
});

test('a recipe that is made while nobody looks is shown afterwards', async (t) => {
  const panel = await opened(t);
  commands.executeCommand = async () => {
    await cp(panel.at('plain'), panel.at('made'));
    await panel.recipes.read(panel.at('made'));
  };
  await panel.ask({ type: 'act', action: 'newRecipe' });
  for (let i = 0; i < 1500 && !panel.recipes.get(panel.at('made')); i++) await sleep(10);
  await nextTurn();
  await panel.ask({ type: 'ready' });
  assert.equal(panel.state().recipe, panel.at('made'));
});

test('a wizard that was left changes nothing: a recipe that comes later is not shown by itself', async (t) => {
  const panel = await opened(t);
  await panel.ask({ type: 'act', action: 'newRecipe' });
  await nextTurn();
  await cp(panel.at('plain'), panel.at('copied'));
  await panel.recipes.read(panel.at('copied'));
  await panel.ask({ type: 'ready' });
  assert.equal(panel.state().recipe, panel.at('protected'));
});
