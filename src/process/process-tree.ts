import { readdirSync } from 'node:fs';
import { type ProcessSeen, readProcess } from './process-identity';
import { readProcessStat } from './process-stat';

/** All living descendants of a process, parents before their children. */
export function descendants(pid: number): ProcessSeen[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? readProcessStat(Number(entry))?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: ProcessSeen[] = [];
  for (let queue = children.get(pid) ?? []; queue.length > 0;) {
    found.push(...queue.map(readProcess).filter((seen) => seen !== undefined));
    queue = queue.flatMap((child) => children.get(child) ?? []);
  }
  return found;
}
