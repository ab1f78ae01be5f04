import { printableLine } from '../../model/printable';
import type { WorkspaceEntry } from './report';

/** More workspaces of a VM are not believed. */
const MOST = 10_000;
/** Longest text of a VM that is shown, in characters. */
const LONGEST = 300;
/** The last second of the year 9999: later ones are no ISO dates. */
const LAST_SECOND = 253_402_300_799;

/**
 * Reads what `assets/cli/workspaces.sh ROOT list` prints. Lines that are not known say nothing.
 *
 * @param vm name of the VM
 */
export function parseWorkspaces(text: string, vm: string): readonly WorkspaceEntry[] {
  const entries: WorkspaceEntry[] = [];
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = printableLine(line).split(' ');
    const value = rest.join(' ').slice(0, LONGEST);
    if (word === 'workspace') {
      if (entries.length === MOST) break;
      const times = { bytes: 0, lastUsed: new Date(0).toISOString() };
      entries.push({ vm, workspace: value, project: null, user: '', ...times, inUse: false });
      continue;
    }
    const last = entries.pop();
    if (last !== undefined) entries.push({ ...last, ...fact(word, value) });
  }
  return entries;
}

function fact(word: string, value: string): Partial<WorkspaceEntry> {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : 0;
  switch (word) {
    case 'who':
      return { user: value.replace(/, pid \d+$/, '') };
    case 'used':
      return { lastUsed: new Date(Math.min(number, LAST_SECOND) * 1000).toISOString() };
    case 'project':
      return { project: value === '' ? null : value };
    case 'size':
      return { bytes: Math.min(number * 1024, Number.MAX_SAFE_INTEGER) };
    case 'in-use':
      return { inUse: true };
    default:
      return {};
  }
}
