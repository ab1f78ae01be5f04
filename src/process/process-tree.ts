import { readdirSync, readFileSync } from 'node:fs';
import { type ProcessSeen, readProcess } from './process-identity';

/** All living descendants of a process, parents before their children. */
export function descendants(pid: number): ProcessSeen[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? parentOf(Number(entry)) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: ProcessSeen[] = [];
  for (let queue = children.get(pid) ?? []; queue.length > 0;) {
    found.push(...queue.map(readProcess).filter((seen) => seen !== undefined));
    queue = queue.flatMap((child) => children.get(child) ?? []);
  }
  return found;
}

/** The process that started another one, or has adopted it; undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything, parentheses included.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
