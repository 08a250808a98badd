import { MAX_HASH_LISTS_BYTES } from '../contract/hashLists.js';
import { parseReview, reviewFile, type Decisions } from '../contract/review.js';
import { HumanError } from '../support/errors.js';
import { sha256 } from '../support/files.js';
import { readText } from '../support/jsonFile.js';
import { hashListsError } from './hashListsError.js';

export interface Review {
  readonly path: string;
  readonly decisions: Decisions;
  /** Of the file's bytes. */
  readonly sha256: string;
}

/**
 * What was decided about the rows of a data file.
 * @param without how it goes on without a review
 * @throws HumanError when nothing was decided, or the file is not what was written
 */
export async function readReview(data: string, without = 'remove "exclude" from the recipe'): Promise<Review> {
  const path = reviewFile(data);
  let text: string;
  try {
    text = await readText(path, MAX_HASH_LISTS_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new HumanError('the rows of this file have not been reviewed: there is no review file beside it.', {
      place: path,
      remedy: `Scan the data and review its rows in VS Code, or ${without}.`,
    });
  }
  const read = parseReview(text);
  if ('fault' in read)
    throw hashListsError(path, read.fault, {
      form: 'this is not what a review has there.',
      twice: (hash) => `the row ${hash} has two decisions.`,
      remedy: 'Repair the file, or delete it and review the rows again.',
    });
  return { path, decisions: read.decisions, sha256: sha256(text) };
}
