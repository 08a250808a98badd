import { megabytes } from '../../runtime/contract/format.js';
import { sum } from '../../runtime/contract/sum.js';
import type { CommandArguments } from '../host/commandArguments.js';
import type { Services } from '../services/services.js';
import { numbers, t } from '../host/text.js';
import { confirm } from './confirm.js';

const size = (bytes: number): string => t('{0} MB', megabytes(bytes, numbers()));

/** Shows how large the cache of converted models is, and removes what no run uses. @returns how many were removed */
export async function clearCache(
  { engine, notices }: Pick<Services, 'engine' | 'notices'>,
  { confirmed }: CommandArguments['clearCache'],
): Promise<number> {
  const { path, bytes, entries } = await engine.request('cache', {});
  if (entries.length === 0) {
    notices.info(t('The cache of converted models is empty.'));
    return 0;
  }
  if (confirmed !== true) {
    const question =
      entries.length === 1
        ? t('Remove 1 converted model, {0}?', size(bytes))
        : t('Remove {0} converted models, {1}?', entries.length, size(bytes));
    const detail = t('Folder: {0}. A GGUF file is converted again when it is used again; the file itself stays.', path);
    await confirm(question, detail, t('Clear'));
  }
  const { removed, entries: left } = await engine.request('cache', { clear: true });
  const freed = sum(removed.map((entry) => entry.bytes));
  notices.info(
    left.length === 0
      ? t('{0} are free again.', size(freed))
      : left.length === 1
        ? t('{0} are free again; 1 model is in use and was kept.', size(freed))
        : t('{0} are free again; {1} models are in use and were kept.', size(freed), left.length),
  );
  return removed.length;
}
