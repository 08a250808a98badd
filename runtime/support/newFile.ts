/** Files that take the place of no other: who asks for one is told before the work, and after it if another came first. */
import { lstat } from 'node:fs/promises';
import { HumanError } from './errors.js';
import { ifThere } from './ifThere.js';

/** @param remedy what to do where it is there already @throws HumanError */
export async function requireAbsent(file: string, remedy: string): Promise<void> {
  if (await ifThere(lstat(file))) throw alreadyThere(file, remedy);
}

/** What a write with `isNew` fails with, for people. @throws HumanError */
export const orAlreadyThere =
  (file: string, remedy: string) =>
  (error: NodeJS.ErrnoException): never => {
    throw error.code === 'EEXIST' ? alreadyThere(file, remedy) : error;
  };

const alreadyThere = (place: string, remedy: string): HumanError =>
  new HumanError('this file already exists.', { place, remedy, code: 'exists' });
