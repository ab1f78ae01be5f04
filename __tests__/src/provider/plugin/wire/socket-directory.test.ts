import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSocketDirectory, removeSocketDirectory } from '../../../../../src/provider/plugin/wire/socket-directory';
import { temporaryDirectory } from '../../../../support/temporary-directory';

let parent: string;

beforeEach(() => {
  parent = temporaryDirectory();
});

test('a directory is for its owner alone', () => {
  expect(statSync(makeSocketDirectory(parent)).mode & 0o777).toBe(0o700);
});

test('what killed processes left goes with the next, and nothing else', () => {
  const own = makeSocketDirectory(parent);
  const killed = spawnSync('true').pid;
  const names = [`buildfleet-provider-${killed}-abc123`, `buildfleet-provider-${process.ppid}-abc123`, 'buildfleet-0'];
  for (const name of names) {
    mkdirSync(join(parent, name));
    writeFileSync(join(parent, name, 'socket'), '');
  }
  removeSocketDirectory(parent, own);
  expect(readdirSync(parent).sort()).toEqual(names.slice(1).sort());
});
