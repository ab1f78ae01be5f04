import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/temporary-directory';

const DIRECTORY = join(__dirname, '../../assets/debian/files');

/** become.py, with the place of its sockets below a directory of the test. */
const AS_IN_A_TEMPLATE = `
import sys
sys.path.insert(0, sys.argv[1])
import become
become.RUNTIME = sys.argv[2]
become.main(sys.argv[3])
`;

/** Starts it for a unit, and tells it what a VM would be told. @returns what its program printed */
async function become(unit: string, told: string): Promise<string> {
  const directory = temporaryDirectory();
  const credentials = join(directory, 'credentials');
  mkdirSync(credentials);
  const file = join(directory, 'build-tunnel.service');
  writeFileSync(file, unit.replaceAll('@DIRECTORY@', directory));
  const program = join(directory, 'program');
  writeFileSync(program, '#!/bin/sh\nfor word; do echo "$word"; done\nenv | grep ^TOLD | sort\n');
  chmodSync(program, 0o755);
  const server = createServer((socket) => socket.end(told));
  await new Promise<void>((resolve) => server.listen(join(directory, 'build-tunnel'), resolve));
  try {
    const argv = ['-ISB', '-c', AS_IN_A_TEMPLATE, DIRECTORY, directory, file];
    const { stdout } = await promisify(execFile)('python3', argv, {
      env: { PATH: process.env['PATH'], RUNTIME_DIRECTORY: credentials },
    });
    const key = join(credentials, 'tunnel_key');
    expect(readFileSync(key, 'utf8')).toBe('secret\n');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    return stdout.replaceAll(directory, '@DIRECTORY@');
  } finally {
    server.close();
  }
}

const TOLD = JSON.stringify({
  environment: { TOLD_HOST: '10.0.2.2', TOLD_PORT: '12220' },
  credentials: { tunnel_key: 'secret\n' },
});

test('becomes the program of the unit, with the variables and credentials that it is told', async () => {
  const unit =
    '[Service]\nExecStart=@DIRECTORY@/program -F none \\\n  -p ${TOLD_PORT} -i %d/tunnel_key \\\n  ${TOLD_HOST}\n';
  expect((await become(unit, TOLD)).split('\n')).toEqual([
    ...['-F', 'none', '-p', '12220', '-i', '@DIRECTORY@/credentials/tunnel_key', '10.0.2.2'],
    ...['TOLD_HOST=10.0.2.2', 'TOLD_PORT=12220', ''],
  ]);
});

test('leaves a variable without value out, as systemd does', async () => {
  expect(await become('[Service]\nExecStart=@DIRECTORY@/program -D $SSHD_OPTS\n', TOLD)).toMatch(/^-D\nTOLD/);
});

test('ends without becoming anything when no identity comes', async () => {
  await expect(become('[Service]\nExecStart=@DIRECTORY@/program\n', '')).rejects.toMatchObject({ code: 1 });
});

test('understands the units of the image', () => {
  for (const name of ['build-tunnel.service', 'build-agent.service']) {
    const unit = readFileSync(join(DIRECTORY, '../../haskell/files', name), 'utf8');
    const start = unit
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.startsWith('ExecStart='));
    expect(start).toHaveLength(1);
    // Neither quotes, escapes nor specifiers but those that it knows.
    expect(start[0]?.replaceAll('%d', '')).not.toMatch(/["'\\%]/);
  }
});
