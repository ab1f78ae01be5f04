import { FleetError, type FleetErrorParts, isFleetError } from '../model/errors';

/** What the file system answers where the operator can help, and how. */
const ADVICE: Readonly<Record<string, Pick<FleetErrorParts, 'code' | 'problem' | 'remedy'>>> = {
  ENOSPC: {
    code: 'file-enospc',
    problem: 'there is no space left on the disk',
    remedy: 'free some space there (`df -h`)',
  },
  EDQUOT: { code: 'file-edquot', problem: 'the disk quota is used up', remedy: 'free some space there (`quota`)' },
  EROFS: {
    code: 'file-erofs',
    problem: 'the file system is read-only',
    remedy: 'mount it writable, or choose another directory',
  },
  EACCES: {
    code: 'file-eacces',
    problem: 'this user may not write there',
    remedy: 'make the directory writable for this user, or choose another one',
  },
  EPERM: {
    code: 'file-eperm',
    problem: 'this user may not change that file',
    remedy: 'see who owns it and whether it is immutable (`lsattr`)',
  },
  ENOTDIR: {
    code: 'file-enotdir',
    problem: 'a file stands where a directory has to be',
    remedy: 'move that file away',
  },
  EISDIR: {
    code: 'file-eisdir',
    problem: 'a directory stands where a file has to be',
    remedy: 'move that directory away',
  },
  ELOOP: { code: 'file-eloop', problem: 'symbolic links lead in a circle', remedy: 'remove one of them' },
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
    if (isFleetError(error) || advice === undefined) throw error;
    throw new FleetError({
      ...advice,
      place: path ?? place,
      remedy: `${advice.remedy}, then ${afterwards}`,
      cause: error,
    });
  }
}
