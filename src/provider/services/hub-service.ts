import { get } from 'node:http';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listensOn } from '../../process/port-owner';
import type { ProcessIdentity } from '../../process/process-identity';
import { ANSWER_MS } from './service-list';
import type { WorkstationRecord } from './workstation-record';

/** Milliseconds before a hub is asked again that has hung up. */
const BUSY_PAUSE_MS = 50;

/** Files that the embedded hub consists of, as the stack's output holds them. */
export const HUB_FILES = ['hub.js', 'node-sqlite3-wasm.wasm'] as const;

export function hubPaths(directory: string) {
  return {
    program: join(directory, HUB_FILES[0]),
    database: join(directory, 'hub.sqlite'),
    log: join(directory, 'hub.log'),
  };
}

/** @param tunnels the private sshd's authorized_keys, by which the hub tells VMs apart */
export function hubArgv(
  directory: string,
  { node, hubPort, hubExpiryDays }: Pick<WorkstationRecord, 'node' | 'hubPort' | 'hubExpiryDays'>,
  tunnels: string,
): readonly string[] {
  const { program, database } = hubPaths(directory);
  const expire = hubExpiryDays === null ? [] : ['--expire', String(hubExpiryDays)];
  return [node, program, '--port', String(hubPort), '--database', database, '--tunnels', tunnels, ...expire];
}

/** Whether this process listens on the port and answers as buildfleet's hub in good health. Starts no program. */
export async function hubAnswers(process: ProcessIdentity, port: number): Promise<boolean> {
  const deadline = Date.now() + ANSWER_MS;
  while (listensOn(process.pid, port)) {
    const answer = await health(port, deadline - Date.now());
    if (answer !== 'busy') return answer === 'healthy';
    if (Date.now() >= deadline) return false;
    await pause(BUSY_PAUSE_MS);
  }
  return false;
}

/** Removes the hub's files, its database included. */
export function removeHubFiles(directory: string): void {
  const { database, log } = hubPaths(directory);
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    // SQLite and the hub keep logs, drafts and damaged predecessors beside the database, under its name.
    const ours =
      (HUB_FILES as readonly string[]).includes(name) ||
      name.startsWith(basename(database)) ||
      name.startsWith(basename(log)) ||
      /^hub-\d+\.sock$/.test(name);
    if (ours) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** `busy`: it hung up, as a hub does whose port other accounts keep busy. One that counts requests is well. */
function health(port: number, timeout: number): Promise<'healthy' | 'unwell' | 'busy'> {
  return new Promise((done) => {
    const request = get({ host: '127.0.0.1', port, path: '/health', agent: false, timeout }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 1000);
      });
      response.once('end', () => {
        const isHub = response.statusCode === 200 && text.includes('"buildfleet-hub"');
        done(isHub || response.statusCode === 429 ? 'healthy' : 'unwell');
      });
      response.once('error', () => {
        done('busy');
      });
    });
    request.once('timeout', () => {
      done('unwell');
      request.destroy();
    });
    request.once('error', ({ code }: NodeJS.ErrnoException) => {
      done(code === 'ECONNRESET' || code === 'EPIPE' ? 'busy' : 'unwell');
    });
  });
}
