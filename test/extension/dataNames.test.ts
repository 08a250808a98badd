/** Files are data by their names in capitals and packed, too, and have their menus wherever they are listed. */
import './fake/useFakeVscode.js';
import './fake/vscode.js';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONTEXTS } from '../../extension/host/contributions.js';

const { BROWSED, DATA_GLOB, droppedFiles, isDataFile, isTable, TEXT_DATA_GLOB } =
  await import('../../extension/data/files.js');
const { dataLink } = await import('../../extension/data/openData.js');

/** The endings that a glob finds. */
const endings = (glob: string): string[] => /^\*\*\/\*\.\{(.+)\}$/.exec(glob)![1]!.split(',');

test('packed files and names in capitals are found, browsed and dropped', () => {
  const none = { runFolders: new Set<string>() };
  const found = ['jsonl.gz', 'csv.gz', 'CSV', 'JSONL.GZ', 'PARQUET'];
  for (const ending of found) {
    assert.ok(endings(DATA_GLOB).includes(ending), ending);
    assert.ok(isDataFile(`/w/x.${ending}`, new Set(), none), ending);
    assert.ok(isTable(`/w/x.${ending}`), ending);
    assert.deepEqual(droppedFiles(`file:///w/x.${ending}`), [`/w/x.${ending}`]);
  }
  assert.ok(isDataFile('/w/data/x.json.gz', new Set(), none));
  assert.ok(isDataFile('/w/x.json.gz', new Set(['/w/x.json.gz']), none));
  for (const other of ['/w/x.gz', '/w/x.tar.gz', '/w/x.parquet.gz', '/w/x.json.gz'])
    assert.ok(!isDataFile(other, new Set(), none), other);
  assert.ok(BROWSED.includes('gz'));
});

test('only what is text has marks and lenses; the rest is shown as rows', () => {
  assert.deepEqual(
    endings(TEXT_DATA_GLOB).filter((ending) => /gz|parquet/i.test(ending)),
    [],
  );
  assert.ok(endings(TEXT_DATA_GLOB).includes('CSV'));
  for (const file of ['/w/x.jsonl.gz', '/w/x.PARQUET'])
    assert.equal(dataLink(file).command, 'securityVectors.previewData');
});

test('each file in the list of data has the menus of data', async () => {
  const { contributes } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    contributes: { menus: Record<string, { command: string; when: string }[]> };
  };
  for (const menu of ['explorer/context', 'editor/title'])
    for (const name of ['scan', 'fineTuneProtected', 'trainVector', 'evaluate', 'previewData']) {
      const { when } = contributes.menus[menu]!.find(({ command }) => command === `securityVectors.${name}`)!;
      assert.ok(when.endsWith(`|| resourcePath in ${CONTEXTS.dataFiles} && ${CONTEXTS.hasModel}`), `${menu} ${name}`);
    }
});
