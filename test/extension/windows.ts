/** Windows of one workspace. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DoneEvent } from '../../runtime/contract/events.js';
import type { Engine } from '../../extension/engine/engine.js';
import { Disposables } from '../../extension/host/disposable.js';
import type { Button } from '../../extension/host/notices.js';
import { WindowMemory } from '../../extension/host/windowMemory.js';
import { Runner } from '../../extension/runs/runner.js';
import type { Run } from '../../extension/runs/run.js';
import { RunStore } from '../../extension/runs/store.js';
import { workspace } from './fake/vscode.js';
import { recipe, temporary, write } from './support.js';

const { notifyCutOff } = await import('../../extension/endings.js');
const { requireFreeOfOthers } = await import('../../extension/commands/queue.js');
const { followWindows } = await import('../../extension/commands/windows.js');

/** A window that is open for a while takes what others leave, too; one at its beginning at once, and says less of it. */
export const memoryOf = (folder: string, { roots = ['/w'], isOld = false } = {}): WindowMemory =>
  new WindowMemory(
    folder,
    () => roots,
    (error) => assert.fail(String(error)),
    { lookMs: 20, leaveMs: 0, beginningMs: isOld ? 0 : Number.POSITIVE_INFINITY },
  );

/** What can begin has begun: its recipe was read once more. */
export async function settled(begun: readonly object[]): Promise<void> {
  for (let i = 0; begun.length === 0 && i < 30; i++) await sleep(10);
}

const unanswered = (): Promise<never> => new Promise(() => undefined);

/** A workspace, and what opens a window of it. */
export async function windows(t: TestContext) {
  const closing: (() => Promise<void>)[] = [];
  // Before their files are removed.
  t.after(() => Promise.all(closing.map((close) => close())));
  const root = await temporary(t);
  const file = (name: string, more: object = {}): Promise<string> =>
    write(join(root, `recipes/${name}.json`), recipe({ output: `../adapters/${name}`, ...more }));
  const memory = (isOld = false): WindowMemory => memoryOf(join(root, 'windows'), { roots: [root], isOld });
  const open = async ({ asks = false, isOld = false, isSeen = false } = {}) => {
    const begun: object[] = [];
    const said: string[] = [];
    const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
      request: (async (_name: string, params: object) => {
        begun.push(params);
        return new Promise<DoneEvent>(() => undefined);
      }) as unknown as Engine['request'],
      dispose: () => undefined,
    });
    const assertTrusted = (): void => assert.ok(workspace.isTrusted);
    const store = new RunStore();
    // As the window does before it looks for the queue.
    for (const name of await readdir(join(root, 'adapters')).catch(() => []))
      for (const folder of [name, join(name, 'next')]) await store.read(join(root, 'adapters', folder));
    // Who is asked for a secret when the window opens may be away.
    const judgeSecrets = { get: unanswered, kept: async () => ({ key: 'sesame' }), forget: async () => undefined };
    const own = memory(isOld);
    const runner = new Runner({
      ...{ store, engine, assertTrusted },
      requireFree: (folder) => requireFreeOfOthers(own, folder),
      ...(asks && { judgeSecrets }),
    });
    const say = (text: string, ...[button]: Button[]): void =>
      void said.push(button ? `${text} [${button.title}]` : text);
    const parts = new Disposables();
    const notices = { info: say, warn: say, error: assert.ifError };
    const pages = { isVisible: () => isSeen, goOn: () => undefined };
    const tell = (run: Run): void => notifyCutOff(run, pages, notices);
    await followWindows({ runner, store, notices }, own, tell, (part) => parts.add(part));
    await settled(begun);
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) runner.dispose();
      isOpen = false;
      parts.dispose();
      await own.dispose();
    };
    closing.push(close);
    const names = (): string[] => runner.queue().map((folder) => folder.slice(root.length + 1));
    return { runner, store, begun, said, close, names };
  };
  return { root, memory, file, open };
}
