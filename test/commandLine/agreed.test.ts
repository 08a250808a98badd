/** A question that is left open is no answer: the command ends as one that was stopped. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { agreed } from '../../runtime/commandLine/agreed.js';
import { Cancelled } from '../../runtime/support/errors.js';

/** What comes of what is typed, at a terminal that sends every key as it is. */
function typed(keys: string, signal = new AbortController().signal): Promise<boolean> {
  const terminal = (): PassThrough & { isTTY: boolean } => Object.assign(new PassThrough(), { isTTY: true });
  const [input, output] = [terminal(), terminal()];
  output.once('data', () => input.write(keys));
  return agreed('Publish this?', signal, input, output);
}

test('yes is yes, and everything else is no', async () => {
  for (const [keys, said] of [
    ['y\r', true],
    ['YES\r', true],
    ['n\r', false],
    ['\r', false],
    ['yep\r', false],
  ] as const)
    assert.equal(await typed(keys), said, keys);
});

test('Ctrl+C, Ctrl+D and a signal leave it open', async () => {
  await assert.rejects(typed('\x03'), Cancelled);
  await assert.rejects(typed('\x04'), Cancelled);
  await assert.rejects(typed('', AbortSignal.abort()), Cancelled);
  const later = new AbortController();
  setImmediate(() => later.abort());
  await assert.rejects(typed('', later.signal), Cancelled);
});

test('where nobody can be asked it is refused', async () => {
  await assert.rejects(agreed('Publish this?', new AbortController().signal, new PassThrough()), { message: /--yes/ });
});
