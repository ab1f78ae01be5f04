import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds without a change after which an abandoned import is over where open files cannot be seen. */
const QUIET = 3000;
const INTERVAL = 300;

/**
 * Waits until no process writes into a directory any more. VBoxSVC finishes an import whose VBoxManage was killed, and
 * registers the VM, seconds or minutes later; all the time it has the appliance or the disk open.
 *
 * @returns false when that is still so after `limit` milliseconds
 */
export async function untilAbandoned(directory: string, imagePath: string, limit: number, signal: AbortSignal) {
  const deadline = Date.now() + limit;
  const image = await realpath(imagePath).catch(() => imagePath);
  let seen = await snapshot(directory);
  let since = Date.now();
  for (;;) {
    await pause(INTERVAL, undefined, { signal });
    const now = await snapshot(directory);
    if (now !== seen || (await isHeld(await realpath(directory).catch(() => directory), image))) since = Date.now();
    seen = now;
    if (Date.now() - since >= QUIET) return true;
    if (Date.now() >= deadline) return false;
  }
}

async function snapshot(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const lines = names.sort().map(async (name) => {
    const found = await stat(join(directory, name)).catch(() => undefined);
    return found?.isFile() === true ? `${name} ${found.size} ${found.mtimeMs}` : name;
  });
  return (await Promise.all(lines)).join('\n');
}

/** Whether a process of this user has a file of the directory open, or the appliance. */
async function isHeld(directory: string, imagePath: string): Promise<boolean> {
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const held = processes.map(async (pid) => {
    if (pid === String(process.pid)) return false;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const open = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return open.some((path) => path === imagePath || path.startsWith(directory + sep));
  });
  return (await Promise.all(held)).includes(true);
}
