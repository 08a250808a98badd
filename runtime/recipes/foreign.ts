/** Rows in languages that a vector has no harmful rows in: it neither finds nor holds what is harmful in them. */
import { basename } from 'node:path';
import { plural } from '../contract/format.js';
import type { LoadedData, LoadReporter } from '../context/context.js';
import { languagesOf, type Languages } from '../data/languages.js';
import { beside } from './calibrationFile.js';
import { readLanguages } from './trainedFile.js';

/** Of fewer rows of a file, some are taken for another language that are not in it. */
const SHARE = 0.01;
const names = new Intl.DisplayNames('en', { type: 'language' });
const nameOf = (language: string): string => names.of(language) ?? language;

/**
 * Warns of such rows; of vectors that do not say which languages their rows are in, nothing.
 * @param vectors run folders, or adapter/ in them
 */
export async function warnOfLanguages(
  vectors: readonly { readonly path: string }[],
  { examples, path }: Pick<LoadedData, 'examples' | 'path'>,
  { warn, progress, signal }: LoadReporter,
): Promise<void> {
  const known: Languages[] = [];
  for (const vector of vectors) {
    const languages = await readLanguages(vector.path);
    // without any, no row of it is text in a language: it may be of code
    if (languages === undefined || languages.size === 0) return;
    known.push(languages);
  }
  if (known.length === 0) return;
  const onProgress = (share: number): void => progress?.(`finding the languages of ${basename(path)}`, share);
  const foreign = [...(await languagesOf(examples, { signal, onProgress }))].filter(
    ([language, rows]) => rows >= SHARE * examples.length && !known.some((languages) => languages.has(language)),
  );
  if (foreign.length === 0) return;
  const [[first, most], ...others] = foreign;
  const counts = [
    `${most} of ${examples.length} rows ${plural(most, 'is', 'are')} in ${nameOf(first)}`,
    ...others.map(([language, rows]) => `${rows} in ${nameOf(language)}`),
  ];
  const whose = vectors.length === 1 ? `"${basename(beside(vectors[0].path, ''))}"` : 'the vectors';
  const inThem = foreign.map(([language]) => nameOf(language)).join(', ');
  warn(
    `${counts.join(', ')}, and no harmful row of ${whose} is: what is harmful in such rows may be neither found nor held.`,
    path,
    `Train a vector with harmful rows in ${inThem}, too, or look at these rows yourself.`,
  );
}
