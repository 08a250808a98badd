/** What the system, V8 and onnxruntime report reaches people as sentences; only bugs are `internal:`. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { withRemedy } from '../../runtime/runs/resuming.js';
import type { RunFolder } from '../../runtime/runs/runFolder.js';
import { errorData, HumanError, isDiskFull } from '../../runtime/support/errors.js';

const system = (code: string, more: object = {}): Error =>
  Object.assign(new Error(`${code}: something, open '/a/b'`), { code, path: '/a/b', syscall: 'open', ...more });

test('every error code of the file system', () => {
  for (const code of Object.keys(constants.errno)) {
    const data = errorData(system(code));
    assert.notEqual(data.kind, 'internal', code);
    assert.ok(data.remedy, code);
    assert.equal(data.place, '/a/b');
    assert.equal(data.stack, undefined);
  }
  for (const code of [
    'ERR_FS_FILE_TOO_LARGE',
    'ERR_STRING_TOO_LONG',
    'ERR_BUFFER_TOO_LARGE',
    'ERR_MEMORY_ALLOCATION_FAILED',
  ])
    assert.notEqual(errorData(system(code, { syscall: undefined })).kind, 'internal', code);
});

test('the machine at fault is a failed run, the input at fault is not', () => {
  for (const code of ['ENOSPC', 'EIO', 'EMFILE', 'ENOMEM']) assert.equal(errorData(system(code)).kind, 'failed', code);
  for (const code of ['ENOENT', 'ELOOP', 'EACCES', 'ENAMETOOLONG'])
    assert.equal(errorData(system(code)).kind, 'input', code);
});

test('memory that V8 or onnxruntime do not get', () => {
  for (const error of [
    new RangeError('Array buffer allocation failed'),
    new RangeError('Invalid typed array length: 99999999999'),
    new RangeError('Invalid string length'),
    new Error('std::bad_alloc'),
    new Error(
      '[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer of size 8589934592',
    ),
    new Error('the graph gradient does not load on cpu: bad allocation: std::bad_alloc'),
  ])
    assert.deepEqual(
      errorData(error),
      {
        ...{ kind: 'failed', message: 'there is not enough memory.', place: undefined },
        remedy: 'Close other programs. Use a smaller model, or a machine with more memory.',
      },
      error.message,
    );
  const { kind, place, remedy } = errorData(system('ENOMEM'), 'Use --precision int8.');
  assert.deepEqual([kind, place, remedy], ['failed', '/a/b', 'Close other programs. Use --precision int8.']);
});

test('where memory ran out during a run, what in its recipe takes less', () => {
  const folder = { begun: false } as RunFolder;
  for (const error of [system('ENOMEM'), new Error('std::bad_alloc')]) {
    assert.match(errorData(withRemedy(error, folder, true)).remedy!, /^Close .* Set "recompute" .*batch\.rows/);
    assert.match(
      errorData(withRemedy(error, folder, false)).remedy!,
      /^Close other programs\. Set "precision" to .*model/,
    );
  }
  const other = new HumanError('the worker ran out of memory.', { remedy: 'Use more workers.' });
  assert.equal(withRemedy(other, folder, true), other);
});

test('a bug stays one, with its stack', () => {
  const data = errorData(new TypeError("Cannot read properties of undefined (reading 'x')"));
  assert.equal(data.kind, 'internal');
  assert.match(data.message, /^internal: Cannot read/);
  assert.match(data.stack!, /errors\.test/);
});

test('of a full disk it is said how to go on, without a checkpoint that the run begins again', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    assert.ok(isDiskFull(system(code)), code);
    assert.equal(errorData(system(code)).remedy, 'Free some space and run it again.');
  }
  assert.ok(!isDiskFull(system('EIO')));
});
