import type { TestContext } from 'node:test';

/** Until the test is over this process takes itself for one on Windows. */
export function asOnWindows(t: TestContext): void {
  const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.defineProperty(process, 'platform', { ...own, value: 'win32' });
  t.after(() => Object.defineProperty(process, 'platform', own));
}

/** What Windows says of a file that somebody has open, or mapped. */
export const held = (code: 'EBUSY' | 'EPERM'): Error => Object.assign(new Error(`${code}: held`), { code });
