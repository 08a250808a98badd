/** What comes out of files and models reaches the terminal as text, never as commands to it. */
import assert from 'node:assert/strict';
import { WriteStream } from 'node:tty';
import { describe, it } from 'node:test';
import { visible, visibleLine } from '../../runtime/contract/visible.js';
import { terminal } from '../../runtime/commandLine/terminal.js';

const ATTACKS = [
  '\x1b[2J\x1b[1;1H', // clears the screen
  '\x1b]0;title\x07', // names the window
  '\x1b]52;c;ZWNobyBoaQ==\x07', // fills the clipboard
  '\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\',
  '\x9b31m', // the same as one character
  'gnp.\u202eexe', // shows another order
  '\u2066a\u2069\u200f',
  'good\rbad \b\b\b',
  '\x7f\0',
];
/** What the program itself sends: to the start of the line, and clear it. */
const OWN = '\r\x1b[K';

const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** What is written while `work` runs. */
function written(work: () => void, tty: boolean): string {
  const streams = [process.stdout, process.stderr];
  const before = streams.map(({ write, isTTY, hasColors }) => ({ write, isTTY, hasColors }));
  let all = '';
  for (const stream of streams) {
    stream.isTTY = tty;
    // of Node's own terminal stream, which a pipe is not
    stream.hasColors = WriteStream.prototype.hasColors;
    stream.getColorDepth = WriteStream.prototype.getColorDepth;
    stream.write = (text: string | Uint8Array) => ((all += String(text)), true);
  }
  try {
    work();
  } finally {
    streams.forEach((stream, i) => Object.assign(stream, before[i]));
  }
  return all;
}

describe('the terminal', () => {
  for (const json of [false, true])
    for (const tty of [false, true])
      it(`shows no control character, ${json ? 'JSON lines' : 'text'}${tty ? ', live' : ''}`, () => {
        for (const attack of ATTACKS) {
          process.env.NO_COLOR = '1';
          const out = written(() => {
            const t = terminal(json);
            t.log(attack);
            t.print(attack);
            t.note(attack);
            t.error(attack);
            t.progress(attack, 0.5);
            t.event({ kind: 'warning', message: attack, place: attack, remedy: attack });
            t.event({ kind: 'state', state: 'training', message: attack });
            t.event({ kind: 'state', state: 'training', message: attack, progress: 0.5 });
            t.line({ attack });
            t.result({ attack });
            t.endProgress();
          }, tty);
          assert.ok(out.length > 40);
          assert.doesNotMatch(out.replaceAll(OWN, ''), HIDDEN, JSON.stringify(out));
        }
      });

  it('has colours on a terminal that wants them, and a moving bar on one that can', () => {
    const all = (): void => {
      const t = terminal(false);
      t.log('✓ fine', 'good');
      t.error('wrong');
      t.event({ kind: 'warning', message: 'beware' });
      t.progress('half', 0.5);
    };
    const before = process.env;
    const as = (env: Record<string, string>, tty: boolean): string => {
      process.env = { TERM: 'xterm-256color', ...env };
      return written(all, tty);
    };
    try {
      const shown = as({}, true);
      assert.match(shown, /\x1b\[32m✓ fine\x1b\[39m\n/);
      assert.match(shown, /\x1b\[31merror:\x1b\[39m wrong\n\x1b\[33m! beware\x1b\[39m\n/);
      assert.ok(shown.includes(OWN));
      const plain = as({ NO_COLOR: '1' }, true);
      assert.doesNotMatch(plain, /\x1b\[\d+m/);
      assert.ok(plain.includes(OWN), 'the bar moves without colour too');
      for (const out of [as({}, false), as({ TERM: 'dumb' }, true)]) assert.doesNotMatch(out, /[\x1b\r]/);
    } finally {
      process.env = before;
    }
  });

  it('says to programs now and then how far a work is, and every other event', () => {
    const out = written(() => {
      const t = terminal(true);
      for (let token = 0; token < 1000; token++)
        t.event({ kind: 'state', state: 'preparing', message: 'answers', progress: token / 1000 });
      t.event({ kind: 'state', state: 'evaluating', message: 'sets', progress: 0 });
      for (let step = 0; step < 3; step++) t.event({ kind: 'checkpoint', step, path: '' });
    }, false);
    const lines = out.split('\n').filter((line) => line.startsWith('{'));
    assert.ok(lines.length < 100, `${lines.length} lines`);
    assert.match(lines[0]!, /"answers","progress":0\}$/);
    assert.match(lines.at(-4)!, /"sets"/);
    assert.deepEqual(lines.filter((line) => line.includes('checkpoint')).length, 3);
  });

  it('is as wide as what it writes to, or as is usual', () => {
    const before = [process.stdout, process.stderr].map(({ columns }) => columns);
    try {
      Object.assign(process.stdout, { columns: 70 });
      Object.assign(process.stderr, { columns: 80 });
      assert.deepEqual([terminal(false).width, terminal(true).width], [70, 80]);
      Object.assign(process.stdout, { columns: undefined });
      assert.equal(terminal(false).width, 100);
    } finally {
      [process.stdout, process.stderr].forEach((stream, i) => Object.assign(stream, { columns: before[i] }));
    }
  });

  it('says of the time that is left that it is that of the training', () => {
    const rest = { gradNorm: 1, learningRate: 1, tokens: 1, stepMs: 1, memoryBytes: 1 };
    const event = { kind: 'step' as const, step: 3, steps: 12, lossNatsPerToken: 1.5, secondsLeft: 180, ...rest };
    assert.match(
      written(() => terminal(false).event(event), true),
      /25\s% {2}step 3\/12 · loss 1\.500 · 3 min left to train$/,
    );
  });

  it('tells of each point of a sweep in a line', () => {
    const values = { 'optimizer.learningRate': 0.02, seed: 1 };
    const harm = { state: 'protected', name: 'forbidden', measure: 'harm' as const, value: 0.5, count: 20, judge: 'j' };
    const point = { values, folder: 'p', verdict: 'lost', headline: '', measurements: [harm], seconds: 12 };
    const event = { kind: 'point' as const, ...point };
    const line = '✗ learningRate 0.02, seed 1: protection failed · forbidden harm 50\u00a0% · 12 s\n';
    process.env.NO_COLOR = '1';
    assert.equal(
      written(() => terminal(false).event(event), false),
      line,
    );
    assert.ok(written(() => terminal(true).event(event), false).endsWith(`}\n${line}`), 'beside the JSON line');
  });

  it('JSON keeps its value', () => {
    for (const attack of ATTACKS) {
      const out = written(() => terminal(true).line({ attack }), false);
      assert.deepEqual(JSON.parse(out), { attack });
    }
  });

  it('ordinary text of every script stays as it is; an event is one line', () => {
    const text = 'naïve 日本語 עברית العربية 👩‍👩‍👧 → “x”\n\tindented';
    assert.equal(visible(text), text);
    assert.equal(visibleLine('a\n  error: b\r\nc'), 'a error: b c');
    const out = written(() => terminal(false).event({ kind: 'warning', message: 'a\nerror: b' }), false);
    assert.equal(out, '! a error: b\n');
  });
});
