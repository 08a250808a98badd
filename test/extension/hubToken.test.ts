/** The access token of the Hub: what needs one says so with a button, and publishing asks before it reads all files. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type * as vscode from 'vscode';
import { HostError } from '../../extension/host/errors.js';
import { errorData, HumanError } from '../../runtime/support/errors.js';
import { responseError } from '../../runtime/models/hub/responseErrors.js';
import { COMMAND_ARGUMENTS } from '../../extension/host/commandArguments.js';
import { commands, fake } from './fake/vscode.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { createNotices } = await import('../../extension/host/notices.js');
const { publish } = await import('../../extension/commands/publish.js');

function answer(status: number, token?: string, code?: string) {
  const address = { kind: 'model', repository: 'a/b', revision: 'main', endpoint: 'https://hub', token } as const;
  const headers = code === undefined ? undefined : { 'x-error-code': code };
  const error = responseError(new Response(null, { status, headers }), 'hub', address as never, 'download');
  assert.ok(error instanceof HumanError);
  return errorData(error);
}

test('what a token, or another one, would open is told as that; nobody is promised a question', () => {
  const wanting = [
    answer(401, undefined, 'GatedRepo'),
    answer(403, 'hf_x', 'GatedRepo'),
    answer(401, 'hf_x'),
    answer(403),
    answer(401),
    answer(404),
  ];
  for (const { code, remedy } of wanting) {
    assert.equal(code, 'token');
    assert.doesNotMatch(remedy!, /when it asks/);
  }
  assert.match(answer(401).remedy!, /"Set the Hugging Face Token…" in VS Code.* HF_TOKEN/);
  assert.equal(answer(404, 'hf_x', 'RevisionNotFound').code, undefined);
});

test('its notice has a button that sets the token', async (t) => {
  const before = { choose: fake.choose, execute: commands.executeCommand };
  t.after(() => {
    fake.choose = before.choose;
    commands.executeCommand = before.execute;
  });
  const called: string[] = [];
  commands.executeCommand = async (name: string) => void called.push(name);
  fake.choose = (buttons) => buttons.find(({ title }) => title === 'Set the token…');
  const log = { error: () => undefined, show: () => undefined } as unknown as vscode.LogOutputChannel;
  createNotices(log, () => undefined).error(new HostError(answer(401)));
  await nextTurn();
  assert.deepEqual(called, ['securityVectors.setHubToken']);
});

test('no argument of a command, which a link can give, says where the token is sent', () => {
  const given = { endpoint: 'https://elsewhere.example' };
  for (const name of ['downloadModel', 'addAdapter', 'trainPublic', 'publish'] as const) {
    const { success, error } = COMMAND_ARGUMENTS[name].schema.safeParse(given);
    assert.ok(!success && /"endpoint"/.test(error.message), name);
  }
});

/** What publishing asks the person and the engine, one after the other. */
async function published(t: TestContext, kept: string | undefined, given: string) {
  const before = { answer: fake.answer, choose: fake.choose };
  t.after(() => Object.assign(fake, before));
  const steps: string[] = [];
  const stored = new Map<string, string>();
  fake.answer = (question) => {
    steps.push(question);
    return given;
  };
  fake.choose = (buttons) => buttons[0];
  const sent: Record<string, unknown>[] = [];
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine: {
      request: async (name: string, params: Record<string, unknown>) => {
        steps.push(name);
        sent.push(params);
        return {
          repository: 'me/mine',
          isPublic: false,
          what: 'adapter',
          files: [],
          removed: [],
          sha256: 'x',
          url: 'https://x',
        };
      },
    },
    secrets: { get: async () => kept, store: async (key: string, value: string) => void stored.set(key, value) },
    notices: { info: () => undefined },
  };
  const ended = await publish(services as never, { folder: '/w/a', repository: 'me/mine', isPublic: false }).catch(
    (error: unknown) => (error as Error).name,
  );
  return { ended, steps, stored, token: sent.at(-1)?.['token'] };
}

const QUESTION = 'Publishing needs an access token that may write. It is kept in the secret storage of this machine.';

test('publishing asks for the token before anything is read, and keeps it', async (t) => {
  const { steps, stored, token } = await published(t, undefined, ' hf_new ');
  assert.deepEqual(steps, [QUESTION, 'planPublish', 'publish']);
  assert.deepEqual([[...stored.values()], token], [['hf_new'], 'hf_new']);
  assert.deepEqual((await published(t, 'hf_kept', '')).steps, ['planPublish', 'publish']);
});

test('who gives none publishes nothing', async (t) => {
  const { ended, steps } = await published(t, undefined, '');
  assert.deepEqual([ended, steps], ['Cancelled', [QUESTION]]);
});
