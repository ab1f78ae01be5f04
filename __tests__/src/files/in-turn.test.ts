import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type * as os from 'node:os';
import { join } from 'node:path';
import { inTurn } from '../../../src/files/in-turn';
import { temporaryDirectory } from '../../support/temporary-directory';

const REPOSITORY = join(__dirname, '../../..');
const never = new AbortController().signal;

jest.mock('node:os', (): typeof os => ({ ...jest.requireActual<typeof os>('node:os'), homedir: () => mockHome }));

let directory: string;
let mockHome: string;

beforeEach(() => {
  directory = temporaryDirectory();
  mockHome = join(directory, 'home');
  mkdirSync(mockHome);
});

test('changes of one file by several processes do not overlap, also through different links', async () => {
  const [file, link, log] = [join(directory, 'config'), join(directory, 'link'), join(directory, 'log')];
  writeFileSync(file, '');
  symlinkSync(file, link);
  writeFileSync(log, '');
  const program = (path: string) => `const { inTurn } = require('./src/files/in-turn'); const fs = require('node:fs');
    (async () => { for (let i = 0; i < 5; i++) await inTurn(${JSON.stringify(path)}, new AbortController().signal, async () => {
      fs.appendFileSync(${JSON.stringify(log)}, 'in\\n');
      await new Promise((done) => setTimeout(done, 5));
      fs.appendFileSync(${JSON.stringify(log)}, 'out\\n');
    }); })();`;
  const others = [file, link, file].map((path) =>
    spawn(process.execPath, ['-r', './scripts/ts-node.cjs', '-e', program(path)], {
      cwd: REPOSITORY,
      stdio: 'inherit',
    }),
  );
  const codes = await Promise.all(others.map(async (other) => (await once(other, 'exit'))[0] as number));
  expect(codes).toEqual([0, 0, 0]);
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(15));
}, 60_000);

test('leaves nothing in the home directory', async () => {
  const seen = await inTurn(join(directory, 'config'), never, () =>
    existsSync(join(directory, 'home/.local/state/buildfleet/.locks')),
  );
  expect(seen).toBe(true);
  expect(existsSync(join(directory, 'home/.local/state/buildfleet'))).toBe(false);
});

test('a socket that another account has opened under a name that can be guessed stops nothing', async () => {
  const file = join(directory, 'config');
  const name = createHash('sha256').update(file).digest('hex').slice(0, 32);
  const squatter = createServer();
  squatter.listen(`\0buildfleet-path-${name}`);
  await once(squatter, 'listening');
  try {
    await expect(inTurn(file, AbortSignal.timeout(5000), () => 'done')).resolves.toBe('done');
  } finally {
    squatter.close();
  }
});

test('the error of the body is its own', async () => {
  await expect(inTurn(join(directory, 'config'), never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});
