import type { HashListsFault } from '../contract/hashLists.js';
import { HumanError } from '../support/errors.js';

/** What is wrong with a file of decisions about rows or of labels of answers, in its own words. */
interface HashListsWords {
  /** "this is not what a review has there." */
  readonly form: string;
  /** What a hash stands for that is listed twice. */
  readonly twice: (hash: string) => string;
  readonly remedy: string;
}

export function hashListsError(
  file: string,
  fault: HashListsFault,
  { form, twice, remedy }: HashListsWords,
): HumanError {
  if (fault.kind === 'newer')
    return new HumanError('a newer version of Security Vectors has written this file.', {
      place: file,
      remedy: 'Update it; the file is not changed.',
    });
  const [place, message] =
    fault.kind === 'json'
      ? [`${file}:${fault.line}`, 'this is not JSON.']
      : fault.kind === 'form'
        ? [`${file} ${fault.key}`.trim(), form]
        : [file, twice(fault.hash)];
  return new HumanError(message, { place, remedy });
}
