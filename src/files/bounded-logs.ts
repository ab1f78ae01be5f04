import { lstatSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { lazy } from '../model/lazy';

const processes = lazy<typeof import('../process/run')>(() => require('../process/run'));

const MIB = 1024 * 1024;

/** Bytes of a log that stay when it is cut, at least: what is read of one are its last lines. */
const KEPT = MIB;

/** Bytes on the disk above which a log is cut. */
const LIMIT = 2 * MIB;

/** Milliseconds between two looks. A guest writes its console byte by byte, about a megabyte a second. */
const INTERVAL = 5000;

/** Keeps the logs below a directory's directories (`<directory>/<vm>/*.log`) small until the signal fires. */
export function keepLogsSmall(directory: string, signal: AbortSignal): void {
  let isAtWork = false;
  const timer = setInterval(() => {
    if (isAtWork) return;
    isAtWork = true;
    void cutLogs(directory, signal).finally(() => (isAtWork = false));
  }, INTERVAL);
  timer.unref();
  signal.addEventListener('abort', () => {
    clearInterval(timer);
  });
}

/** Cuts the logs that have become too large. One that cannot be cut is left to the next time. */
export async function cutLogs(directory: string, signal: AbortSignal): Promise<void> {
  for (const path of logsBelow(directory)) {
    try {
      // Blocks: a program that does not append leaves a hole before what it writes after a cut.
      const { size, blocks } = lstatSync(path);
      if (blocks * 512 > LIMIT) await cutBegin(path, size, signal);
    } catch {
      // It has just been removed or renamed.
    }
  }
}

function logsBelow(directory: string): string[] {
  const entries = (path: string) => {
    try {
      return readdirSync(path, { withFileTypes: true });
    } catch {
      return [];
    }
  };
  return entries(directory)
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name))
    .flatMap((vm) => entries(vm).map((entry) => ({ vm, entry })))
    .filter(({ entry }) => entry.isFile() && entry.name.endsWith('.log'))
    .map(({ vm, entry }) => join(vm, entry.name));
}

/** Removes the begin of a file while others write to it. Where the file system cannot do that, all of it goes. */
async function cutBegin(path: string, size: number, signal: AbortSignal): Promise<void> {
  // Whole mebibytes are whole blocks.
  const length = Math.floor((size - KEPT) / MIB) * MIB;
  try {
    await processes().run('fallocate', ['--collapse-range', '--offset', '0', '--length', String(length), path], {
      signal,
    });
  } catch {
    signal.throwIfAborted();
    truncateSync(path, 0);
  }
}
