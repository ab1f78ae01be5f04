import { FleetError } from '../model/errors';

/** What the file system answers where the operator can help, and how. */
const ADVICE: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  ENOSPC: ['there is no space left on the disk', 'free some space there (`df -h`)'],
  EDQUOT: ['the disk quota is used up', 'free some space there (`quota`)'],
  EROFS: ['the file system is read-only', 'mount it writable, or choose another directory'],
  EACCES: ['this user may not write there', 'make the directory writable for this user, or choose another one'],
  EPERM: ['this user may not change that file', 'see who owns it and whether it is immutable (`lsattr`)'],
  ENOTDIR: ['a file stands where a directory has to be', 'move that file away'],
  EISDIR: ['a directory stands where a file has to be', 'move that directory away'],
  ELOOP: ['symbolic links lead in a circle', 'remove one of them'],
};

/**
 * Runs something that reads or writes files, and turns errors that the operator can put right into a FleetError
 * (`file-enospc`, `file-erofs`, …) that says how. Other errors pass.
 *
 * @param place shown where the system's error names no path
 * @param afterwards what to do once it is put right
 */
export async function withFileAdvice<T>(
  place: string,
  body: () => T | Promise<T>,
  afterwards = 'deploy again',
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const { code, path } = Object(error) as NodeJS.ErrnoException;
    const advice = code === undefined ? undefined : ADVICE[code];
    if (error instanceof FleetError || code === undefined || advice === undefined) throw error;
    throw new FleetError({
      code: `file-${code.toLowerCase()}`,
      problem: advice[0],
      place: path ?? place,
      remedy: `${advice[1]}, then ${afterwards}`,
      cause: error,
    });
  }
}
