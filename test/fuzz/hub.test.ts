import assert from 'node:assert/strict';
import { commitOf, filesOf } from '../../runtime/models/hub/listing.js';
import { jsonAnswer } from '../../runtime/models/hub/request.js';
import type { HubAddress } from '../../runtime/models/hub/address.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';

const COMMIT = 'c'.repeat(40);
const address: HubAddress = { kind: 'model', endpoint: 'http://hub', repository: 'some/model', revision: 'main' };
const lfs = (letter: string) => ({ oid: letter.repeat(64), size: 7, pointerSize: 130 });
const file = (path: string, more: object = {}) => ({ type: 'file', path, size: 7, oid: 'a'.repeat(40), ...more });

const FOLDER = [
  [file('config.json'), { type: 'directory', path: 'onnx', size: 0, oid: '0' }, file('tokenizer.json')],
  [file('model.safetensors', { lfs: lfs('b') }), file('onnx/model.onnx'), file('README.md')],
];
const SHARDED = [
  [file('config.json'), file('model.safetensors.index.json')],
  [file('a.safetensors', { lfs: lfs('b') }), file('b.safetensors', { lfs: lfs('c') })],
];
const GGUF = [[file('a.gguf', { lfs: lfs('b') }), file('sub/b.gguf')], [file('c-00001-of-00001.gguf')]];

/** What a hub answers: the commit, the pages of its list with their headers, and the index of a sharded model. */
interface Answers {
  info: string;
  pages: string[];
  links: string[];
  index: string;
  wanted?: string;
}

const next = '<http://hub/api/models/some/model/tree/x?cursor=1>; rel="next"';
const source = (pages: unknown[], wanted?: string): Answers => ({
  info: JSON.stringify({ _id: '1', id: 'some/model', sha: COMMIT, private: false, lastModified: '2026-01-01' }),
  pages: pages.map((page) => JSON.stringify(page)),
  links: [next, ''],
  index: JSON.stringify({ metadata: {}, weight_map: { x: 'a.safetensors', y: 'b.safetensors' } }),
  wanted,
});

const VALUES = [
  ...['../x.gguf', '/etc/x.safetensors', '..\\config.json', 'c:x.gguf', 'x\0.gguf', 'NUL.gguf', 'CON', '\ud800.gguf', '.gguf'],
  ...['CONFIG.JSON', 'e\u0301.gguf', '\u202egpj.gguf', `${'x'.repeat(5000)}.gguf`, `${'x/'.repeat(3000)}x.gguf`, '\x1b[2J.gguf'],
  ...['a-00001-of-00002.gguf', 'a-00001-of-99999.gguf', 'c-00001-of-00001.gguf', 'sub/config.json', '__proto__', 'constructor'],
  ...['f'.repeat(40), 'f'.repeat(64), 'F'.repeat(64), '', -1, 0, 1.5, 2 ** 53, 1e308, null, true, [], {}, 'directory', 'a.safetensors'],
]; // oxfmt-ignore
const LINKS = [
  ...[next, '', '<http://hub/loop>; rel="next"', '<file:///etc/passwd>; rel="next"', '<http://[>; rel="next"', 'rel="next"'],
  ...['<http://'.repeat(200), `<http://hub/${'x'.repeat(8000)}>; rel="next"`, '<http://hub>; rel="__proto__"'],
]; // oxfmt-ignore

fuzz<Answers>({
  name: 'hub',
  rounds: 240,
  sources: () => [source(FOLDER), source(SHARDED), source(GGUF, 'a.gguf')],
  damage: (from, rng) => {
    const text = (json: string): string =>
      rng.int(4) ? damageJsonText(json, rng, VALUES) : damageText(json, rng, [...JSON_WORDS, '../', '\\u0000']);
    const at = rng.int(5);
    return {
      ...from,
      info: at === 0 ? text(from.info) : from.info,
      pages: at === 1 || at === 2 ? from.pages.map((page) => (rng.int(2) ? text(page) : page)) : from.pages,
      links: at === 3 ? from.links.map(() => rng.pick(LINKS)) : from.links,
      index: at === 4 ? text(from.index) : from.index,
    };
  },
  load: async ({ info, pages, links, index, wanted }) => {
    let page = 0;
    let asked = 0;
    const ask = ((input: string) => {
      asked++;
      const isPage = !input.includes('/revision/') && !input.includes('/resolve/');
      const at = isPage ? page++ % pages.length : 0;
      const body = isPage ? pages[at]! : input.includes('/revision/') ? info : index;
      return Promise.resolve(jsonAnswer(Buffer.from(body), 200, new Headers(isPage ? { link: links[at]! } : {})));
    }) as typeof fetch;
    assert.match(await commitOf(ask, address), /^[0-9a-f]{40,64}$/);
    const { kind, files } = await filesOf(ask, address, COMMIT, wanted, 1000);
    assert(asked < 300 && files.length > 0);
    for (const { name, path, size, sha256, gitOid } of files) {
      assert(!/[\\/:\p{Cc}\p{Cs}<>"|?*]/u.test(name) && !/^\.{1,2}$/.test(name) && path.endsWith(name), name);
      assert(/\.(json|txt|model|jinja|md|safetensors|gguf)$/i.test(name) || /^(LICEN[CS]E|NOTICE)/.test(name), name);
      assert(Number.isSafeInteger(size) && size >= 0);
      assert(/^[0-9a-f]{64}$/.test(sha256 ?? '0'.repeat(64)) && /^[0-9a-f]{40}$/.test(gitOid ?? '0'.repeat(40)));
    }
    assert(kind === 'single' || files.some(({ name }) => name === 'config.json'));
    assert.equal(new Set(files.map(({ name }) => name.normalize('NFC').toLowerCase())).size, files.length);
  },
});
