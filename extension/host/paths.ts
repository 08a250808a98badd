import { sep } from 'node:path';

/** `name`, `name-2`, `name-3`, …: the first that is not taken. */
export async function firstFree(name: string, taken: (name: string) => Promise<boolean>): Promise<string> {
  for (let i = 1; ; i++) {
    const one = i === 1 ? name : `${name}-${i}`;
    if (!(await taken(one))) return one;
  }
}

/** Whether it is the folder, or lies in it. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}${sep}`);
