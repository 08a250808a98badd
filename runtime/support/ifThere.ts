/** What is read; undefined where it is not there, which these codes say. */
export const ifThere = <T>(read: Promise<T>, codes: readonly string[] = ['ENOENT']): Promise<T | undefined> =>
  read.catch((error: NodeJS.ErrnoException) => {
    if (codes.includes(error.code ?? '')) return undefined;
    throw error;
  });
