import type { DataInfo, FoundRows } from '../../runtime/contract/dataInfo.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import { mappingText } from '../host/mappingText.js';
import type { Counted } from '../data/files.js';
import { numbers, t } from '../host/text.js';

/** What is said of a data file, a line each; below it the rows that it is about. */
export interface Fact {
  /** Unique below its file. */
  id: string;
  label: string;
  description?: string;
  /** Of the icons of VS Code. */
  icon: string;
  warns?: boolean;
  /** Where a click goes. */
  line?: number;
  rows?: { line: number; description?: string }[];
}

/** A data file; commands get this as their argument. Below it what is said of it, and the rows that that is about. */
export interface DataNode {
  data: string;
  fact?: Fact;
  row?: { line: number; description?: string };
}

/** What a node is told by from the others: several rows may begin in one line. */
export const nodeId = ({ data, fact, row }: DataNode): string =>
  [data, fact?.id, row && fact?.rows?.indexOf(row)].filter((part) => part !== undefined).join('\n');

const count = (value: number): string => numbers().count(value);
/** Rows that are listed; the rest is counted. */
const LISTED = 100;

/**
 * @param counted without a model
 * @param read as a model reads the file; undefined while it is being counted, and without a model
 */
export function dataFacts(
  counted: Counted | undefined,
  read: Counted | undefined,
  { model, columns }: { model?: string; columns?: Columns },
): Fact[] {
  if (!counted) return [{ id: 'wait', label: t('being read…'), icon: 'loading~spin' }];
  if ('problem' in counted) return [{ id: 'problem', label: counted.problem, icon: 'error', warns: true }];
  if ('unmapped' in counted)
    return [
      {
        id: 'format',
        label: t('Format'),
        description: t('unknown: choose the columns when you use the file'),
        icon: 'question',
      },
    ];
  if ('failed' in counted)
    return [{ id: 'again', label: t('Count again'), description: counted.failed, icon: 'refresh', warns: true }];
  if ('tooLarge' in counted)
    return [
      {
        id: 'large',
        label: t('Count anyway'),
        description: t('so large a file is not counted automatically'),
        icon: 'symbol-numeric',
      },
    ];
  const { info } = counted;
  return [
    { id: 'format', label: t('Format'), description: formatText(info, columns), icon: 'symbol-structure' },
    ...tokenFacts(info, read, model),
    ...rowsFact('duplicates', t('Duplicates'), info.duplicates, 'copy'),
    ...(info.unanswered && info.unanswered.count < info.rows - info.refusedRows
      ? rowsFact('unanswered', t('Without an answer'), info.unanswered, 'warning', t('a run that trains on them stops'))
      : []),
    ...unreadFacts(info),
    // Some rows are found wrong only when they are written for a model.
    ...invalid(read && 'info' in read ? read.info : info),
  ];
}

const formatText = ({ format }: DataInfo, columns: Columns | undefined): string =>
  columns ? `${format} · ${mappingText(columns)}` : format;

function tokenFacts({ longest }: DataInfo, read: Counted | undefined, model: string | undefined): Fact[] {
  const characters: Fact = {
    id: 'longest',
    label: t('Longest'),
    description: t('{0} characters, line {1}', count(longest.characters), longest.line),
    icon: 'arrow-both',
    line: longest.line,
  };
  if (model === undefined) return [characters];
  const tokens = { id: 'tokens', label: t('Tokens'), icon: 'symbol-string' };
  if (!read) return [{ ...tokens, description: t('counted by {0}…', model), icon: 'loading~spin' }, characters];
  if ('failed' in read)
    return [{ ...tokens, id: 'again', description: read.failed, icon: 'refresh', warns: true }, characters];
  if (!('info' in read))
    return [
      'problem' in read ? { ...tokens, description: read.problem, icon: 'error', warns: true } : tokens,
      characters,
    ];
  const found = read.info.tokens;
  // The model has no tokenizer.
  if (!found) return [characters];
  return [
    { ...tokens, description: t('{0} for {1}', count(found.total), model) },
    {
      ...characters,
      description: t('{0} tokens, line {1}', count(found.longest.tokens), found.longest.line),
      line: found.longest.line,
    },
    ...rowsFact(
      'tooLong',
      t('Too long'),
      found.tooLong,
      'warning',
      t('more than {0} tokens: left out', count(found.limit)),
    ),
  ];
}

function rowsFact(id: string, label: string, found: FoundRows, icon: string, more?: string): Fact[] {
  if (found.count === 0) return [];
  const rows = found.lines.slice(0, LISTED).map((line) => ({ line }));
  const description = [found.count === 1 ? t('1 row') : t('{0} rows', count(found.count)), more]
    .filter(Boolean)
    .join(' · ');
  return [{ id, label, description, icon, line: found.lines[0], rows }];
}

const unreadFacts = ({ unreadColumns = [] }: DataInfo): Fact[] =>
  unreadColumns.map(({ column, rows, line }) => ({
    id: `unread ${column}`,
    label: t('Not read: {0}', column),
    description: rows === 1 ? t('1 row') : t('{0} rows', count(rows)),
    icon: 'circle-slash',
    line,
  }));

function invalid({ refused, refusedRows }: DataInfo): Fact[] {
  const lines = refused.map(({ line }) => line);
  const [fact] = rowsFact('invalid', t('Invalid'), { count: refusedRows, lines }, 'error');
  if (!fact) return [];
  const rows = refused.slice(0, LISTED).map(({ line, reason }) => ({ line, description: reason }));
  return [{ ...fact, warns: true, rows }];
}
