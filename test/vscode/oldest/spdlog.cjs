/**
 * Stands in for @vscode/spdlog, which an install script would compile: an extension host of VS Code 1.90 never comes up
 * without it. Writes lines into the file that it is given.
 */
const { appendFileSync, mkdirSync } = require('node:fs');
const path = require('node:path');

const nothing = () => {};

async function createRotatingLogger(_name, file) {
  mkdirSync(path.dirname(file), { recursive: true });
  const write = (line) => appendFileSync(file, `${line}\n`);
  write('');
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'critical'];
  const ignored = ['setLevel', 'setPattern', 'clearFormatters', 'flush', 'drop'];
  return Object.fromEntries([
    ...levels.map((level) => [level, write]),
    ...ignored.map((name) => [name, nothing]),
    ['getLevel', () => 0],
  ]);
}

module.exports = {
  version: 0,
  setLevel: nothing,
  setFlushOn: nothing,
  setFlushEvery: nothing,
  shutdown: nothing,
  createRotatingLogger,
  createAsyncRotatingLogger: createRotatingLogger,
};
