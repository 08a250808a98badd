/** Rows in languages that a vector has no harmful rows in: it neither finds nor holds what is harmful in them. */
import { basename } from 'node:path';
import { adapterName } from '../../contract/adapterName.js';
import { numbersIn, plural } from '../../contract/format.js';
import type { LanguageCount } from '../../contract/scan.js';
import type { LoadedData, LoadReporter } from '../../context/context.js';
import { languagesOf, type Languages } from '../../data/languages.js';
import { readLanguages } from '../vectorFiles/trainedFile.js';

/** Of fewer rows of a file, some are taken for another language that are not in it. */
const SHARE = 0.01;

/** Receives what is reported while rows are looked at, and stops it. */
type Hooks = Pick<LoadReporter, 'progress' | 'signal'>;

/**
 * Rows in languages that no harmful row of these vectors is in, most rows first; none where a vector does not say which
 * languages its rows are in.
 * @param vectors run folders, or adapter/ in them
 * @throws Cancelled
 */
export async function otherLanguages(
  vectors: readonly { readonly path: string }[],
  { examples, path }: Pick<LoadedData, 'examples' | 'path'>,
  { progress, signal }: Hooks,
): Promise<LanguageCount[]> {
  const known: Languages[] = [];
  for (const vector of vectors) {
    const languages = await readLanguages(vector.path);
    // without any, no row of it is text in a language: it may be of code
    if (languages === undefined || languages.size === 0) return [];
    known.push(languages);
  }
  if (known.length === 0) return [];
  const onProgress = (share: number): void => progress?.(`finding the languages of ${basename(path)}`, share);
  const found = await languagesOf(examples, { signal, onProgress });
  return Array.from(found, ([language, rows]) => ({ language, rows })).filter(
    ({ language, rows }) => rows >= SHARE * examples.length && !known.some((languages) => languages.has(language)),
  );
}

/** Warns of them, before they are trained on. @throws Cancelled */
export async function warnOfLanguages(
  vectors: readonly { readonly path: string }[],
  data: Pick<LoadedData, 'examples' | 'path'>,
  { warn, ...hooks }: LoadReporter,
): Promise<void> {
  const found = await otherLanguages(vectors, data, hooks);
  const [first, ...others] = found;
  if (!first) return;
  const nameOf = ({ language }: LanguageCount): string => numbersIn().languages([language]);
  const counts = [
    `${first.rows} of ${data.examples.length} rows ${plural(first.rows, 'is', 'are')} in ${nameOf(first)}`,
    ...others.map((other) => `${other.rows} in ${nameOf(other)}`),
  ];
  const whose = vectors.length === 1 ? `"${adapterName(vectors[0].path)}"` : 'the vectors';
  warn(
    `${counts.join(', ')}, and no harmful row of ${whose} is: what is harmful in such rows may be neither found nor held.`,
    data.path,
    `Train a vector with harmful rows in ${found.map(nameOf).join(', ')}, too, or look at these rows yourself.`,
  );
}
