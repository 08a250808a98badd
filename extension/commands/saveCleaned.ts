import { basename, dirname, extname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as vscode from 'vscode';
import { cleaningOf, fineRows, type Cleaning } from '../../runtime/contract/cleaning.js';
import { isText } from '../../runtime/contract/dataInfo.js';
import type { Decisions } from '../../runtime/contract/review.js';
import { cleanedText, relatedText, SCAN_STRINGS } from '../../runtime/contract/scanText.js';
import { MAX_EDITOR_BYTES, type Scan } from '../data/scans.js';
import { tableRowList } from '../data/scanTable.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { fileInFront, saveOpen } from '../host/documents.js';
import { inputError } from '../host/errors.js';
import { translated } from '../host/strings.js';
import { numbers, t } from '../host/text.js';
import type { Services } from '../services/services.js';
import { wizard } from './wizard.js';

/** Two larger files are compared only when somebody asks for it: the editor holds both, and takes some seconds. */
const MAX_COMPARED_BYTES = 2 * 1024 * 1024;

type Row = Awaited<ReturnType<typeof tableRowList>>[number];
type Needs = Pick<Services, 'assertTrusted' | 'engine' | 'notices' | 'reviews' | 'scans'>;

/** Writes a scanned file without what was found in it and excluded by a review, and shows both side by side. */
export async function saveCleaned(
  services: Needs,
  given: CommandArguments['saveCleaned'],
): Promise<string | undefined> {
  const found = await scanned(services, given.file);
  const decisions = services.reviews.get(found.data);
  const rows = await tableRowList(found.table, found.cut);
  const undecided = given.flagged === undefined && decisions.size > 0 ? await countUndecided(rows, decisions) : 0;
  const flagged = given.flagged ?? (undecided > 0 ? await askFlagged(undecided) : 'leave');
  const unscanned =
    given.unscanned ?? (found.skipped ? await askUnscanned(found.skipped, decisions.size > 0) : 'leave');
  const cleaning = cleaningOf(rows, decisions, { flagged, unscanned });
  const related = relatedText(rows, decisions, wording());
  return save(services, found, given.out, 'clean', t('Save a cleaned copy'), cleaning, related);
}

/** In a turn of its own: of many rows that takes as long as to say what becomes of them. */
async function countUndecided(rows: readonly Row[], decisions: Decisions): Promise<number> {
  let count = 0;
  for (const { flagged, hash } of rows) {
    const decision = flagged && hash !== undefined ? decisions.get(hash) : undefined;
    if (flagged && decision !== 'exclude' && decision !== 'fine') count++;
  }
  await nextTurn();
  return count;
}

/** Writes the rows that somebody has looked at and found fine: ordinary rows to compare others with. */
export async function saveFine(services: Needs, given: CommandArguments['saveFine']): Promise<string | undefined> {
  const found = await scanned(services, given.file);
  const cleaning = fineRows(await tableRowList(found.table), services.reviews.get(found.data));
  if (cleaning.keep.length === 0)
    throw inputError(t('no row of this file is marked as fine.'), {
      place: found.data,
      remedy: t('Review its rows first.'),
    });
  return save(services, found, given.out, 'fine', t('Save rows marked as fine'), cleaning);
}

async function scanned({ assertTrusted, scans, reviews }: Needs, file: string | undefined): Promise<Scan> {
  assertTrusted();
  const data = file ?? fileInFront();
  if (data !== undefined) {
    await saveOpen(data);
    await scans.look(data);
  }
  const found = data === undefined ? undefined : scans.get(data);
  if (!found || scans.since(found.data).changed)
    throw inputError(t('the current version of the file has not been scanned.'), {
      place: data,
      remedy: t('Scan it first.'),
    });
  await reviews.require(found.data);
  return found;
}

function askFlagged(count: number): Promise<'leave' | 'keep'> {
  const question =
    count === 1
      ? t('What about the flagged row that is not yet excluded or marked as fine?')
      : t('What about the {0} flagged rows that are not yet excluded or marked as fine?', numbers().count(count));
  return wizard(t('Save a cleaned copy'), (ask) =>
    ask.pick(question, [
      { label: t('Leave them out'), description: t('or shorten them, as the scan says'), value: 'leave' as const },
      { label: t('Keep them as they are'), value: 'keep' as const },
    ]),
  );
}

function askUnscanned(count: number, isReviewed: boolean): Promise<'leave' | 'keep'> {
  const question =
    count === 1
      ? t('What about the row that was not scanned? It is too long, or its answers cannot be separated.')
      : t(
          'What about the {0} rows that were not scanned? They are too long, or their answers cannot be separated.',
          numbers().count(count),
        );
  return wizard(t('Save a cleaned copy'), (ask) =>
    ask.pick(isReviewed ? `${question} ${t('Decisions of the review come first.')}` : question, [
      { label: t('Leave them out'), description: t('nothing is known about them'), value: 'leave' as const },
      { label: t('Keep them as they are'), value: 'keep' as const },
    ]),
  );
}

const wording = () => ({ strings: translated(SCAN_STRINGS), numbers: numbers() });

async function save(
  { engine, notices }: Needs,
  found: Scan,
  given: string | undefined,
  suffix: string,
  title: string,
  cleaning: Cleaning,
  more?: string,
): Promise<string | undefined> {
  const out = given ?? (await askFile(found.data, suffix, title));
  if (out === undefined) return undefined;
  // The dialog has asked whether a file is to be replaced.
  const force = given === undefined;
  const cleaned = await engine.request('clean', {
    data: found.data,
    ...(found.format && { format: found.format }),
    ...(found.columns && { columns: found.columns }),
    out,
    force,
    ...cleaning,
  });
  const isShown = isText(found.data) && found.size <= MAX_EDITOR_BYTES;
  const files = [found.data, out].map((file) => vscode.Uri.file(file));
  const compare = (): unknown =>
    vscode.commands.executeCommand('vscode.diff', ...files, t('{0} and its cleaned copy', basename(found.data)));
  const isLarge = isShown && found.size > MAX_COMPARED_BYTES;
  notices.info(
    [cleanedText(basename(out), cleaned, wording()), ...(more === undefined ? [] : [more])].join(' '),
    ...(isLarge ? [{ title: t('Show the difference'), run: compare }] : []),
  );
  if (isShown && !isLarge) await compare();
  return out;
}

async function askFile(data: string, suffix: string, title: string): Promise<string | undefined> {
  const own = extname(data);
  const isOwn = isText(data);
  const name = `${basename(data).replace(/\.[^.]+(\.gz)?$/i, '')}.${suffix}${isOwn ? own : '.jsonl'}`;
  const uri = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(dirname(data), name)),
    filters: {
      ...(isOwn && { [t('The kind of the data file')]: [own.slice(1)] }),
      [t('JSON lines')]: ['jsonl'],
    },
    title,
  });
  return uri?.fsPath;
}
