/** Files of which no row can be used: what is said of them, and whether other columns would help. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspectData } from '../../runtime/data/inspectData.js';
import { HumanError } from '../../runtime/support/errors.js';
import { temporary } from '../extension/support.js';

describe('columns are to be chosen only where a row has some', () => {
  const cases: [file: string, content: string | Buffer, code: 'columns' | undefined, message: RegExp][] = [
    ['python.jsonl', "{'prompt': 'a', 'completion': 'b'}\n", undefined, /this line is not JSON/],
    ['latin1.jsonl', Buffer.from('{"prompt": "é", "completion": "ü"}\n', 'latin1'), undefined, /not valid UTF-8/],
    ['nested.json', JSON.stringify({ data: [{ prompt: 'a' }] }, undefined, 1), undefined, /not JSON/],
    ['cut.json', '[', undefined, /./],
    ['bare.jsonl', '{}\n', undefined, /its fields \(none\)/],
    ['own.jsonl', 'oops\n{"question": "a", "answer": "b"}\n', 'columns', /not JSON/],
    ['own.csv', 'question,answer\na,b\n', 'columns', /match no row format/],
  ];
  for (const [name, content, code, message] of cases)
    test(name, async (t) => {
      const file = join(await temporary(t), name);
      await writeFile(file, content);
      await assert.rejects(inspectData(file), (error) => {
        assert.ok(error instanceof HumanError);
        assert.match(error.message, message);
        assert.equal(error.code, code);
        return true;
      });
    });
});
