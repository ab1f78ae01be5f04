import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { claimName, isAlive, parseClaim } from '../../../src/files/claim-name';
import { removeAbandonedLock, tryLock, withLock } from '../../../src/files/lock';
import { temporaryDirectory } from '../../support/temporary-directory';

const REPOSITORY = join(__dirname, '../../..');

let directory: string;
let lock: string;

beforeEach(() => {
  directory = temporaryDirectory();
  lock = join(directory, 'locks/one');
});

/** Another process that runs TypeScript with `withLock` in scope. */
function other(body: string): ChildProcess {
  const program = `const { withLock } = require('./src/files/lock'); const fs = require('node:fs'); (async () => { ${body} })();`;
  return spawn(process.execPath, ['-r', './scripts/ts-node.cjs', '-e', program], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('actions of several processes never overlap', async () => {
  const log = join(directory, 'log');
  writeFileSync(log, '');
  const body = `for (let i = 0; i < 5; i++) await withLock(${JSON.stringify(lock)}, async () => {
    fs.appendFileSync(${JSON.stringify(log)}, 'in\\n');
    await new Promise((done) => setTimeout(done, 5));
    fs.appendFileSync(${JSON.stringify(log)}, 'out\\n');
  });`;
  const codes = await Promise.all([1, 2, 3].map(async () => (await once(other(body), 'exit'))[0] as number));
  expect(codes).toEqual([0, 0, 0]);
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(15));
  expect(existsSync(lock)).toBe(false);
}, 60_000);

test('a holder that was killed does not keep the lock', async () => {
  const holder = other(
    `await withLock(${JSON.stringify(lock)}, async () => { console.log('held'); await new Promise((d) => setTimeout(d, 1e6)); });`,
  );
  await once(holder.stdout!, 'data');
  let waitedFor: number | undefined;
  const mine = withLock(lock, () => Promise.resolve('mine'), { onWait: (pid) => (waitedFor = pid) });
  await pause(300);
  expect(waitedFor).toBe(holder.pid);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await expect(mine).resolves.toBe('mine');
  expect(existsSync(lock)).toBe(false);
}, 60_000);

test('a file of an earlier boot, or of another process with the same pid, does not count', async () => {
  mkdirSync(lock, { recursive: true });
  const [pid, start, boot, nonce] = claimName().split('-');
  writeFileSync(join(lock, `${pid}-${start}-00000000-${nonce}`), '');
  writeFileSync(join(lock, `${pid}-${Number(start) - 1}-${boot}-${nonce}`), '');
  await expect(withLock(lock, () => Promise.resolve(1), { signal: AbortSignal.timeout(5000) })).resolves.toBe(1);
  expect(existsSync(lock)).toBe(false);
});

test('waiting ends with the signal and leaves no file', async () => {
  let release = (): void => undefined;
  const held = withLock(lock, () => new Promise<void>((done) => (release = done)));
  const abort = new AbortController();
  const waiting = withLock(lock, () => Promise.resolve(), { signal: abort.signal });
  setTimeout(() => {
    abort.abort();
  }, 100);
  await expect(waiting).rejects.toThrow();
  expect(readdirSync(lock)).toHaveLength(1);
  release();
  await held;
});

test('a refused claim gets the holder of the lock, and its description', () => {
  const lock1 = tryLock(lock);
  if ('holder' in lock1) throw new Error('the lock is free');
  lock1.describe('at work');
  expect(tryLock(lock)).toEqual({ holder: { pid: process.pid, description: 'at work' } });
  lock1.release();
  expect(existsSync(lock)).toBe(false);
});

test('what a killed process has left goes, and a lock that is held stays', () => {
  mkdirSync(lock, { recursive: true });
  const [pid, start, , nonce] = claimName().split('-');
  const dead = join(lock, `${pid}-${start}-00000000-${nonce}`);
  writeFileSync(dead, '');
  const held = tryLock(lock);
  writeFileSync(dead, '');
  removeAbandonedLock(lock);
  expect(readdirSync(lock)).toHaveLength(1);
  if (!('holder' in held)) held.release();
  writeFileSync((mkdirSync(lock), dead), '');
  removeAbandonedLock(lock);
  expect(existsSync(lock)).toBe(false);
});

test('the lock is free after an action that failed', async () => {
  await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(withLock(lock, () => Promise.resolve(2))).resolves.toBe(2);
});

test('a claim names this process and no other', () => {
  const claimant = parseClaim(claimName());
  expect(claimant?.pid).toBe(process.pid);
  expect(isAlive(claimant!)).toBe(true);
  expect(isAlive({ ...claimant!, startTime: '1' })).toBe(false);
  expect(parseClaim('something-else')).toBeUndefined();
});
