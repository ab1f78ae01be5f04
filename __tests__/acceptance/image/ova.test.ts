import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { type OvaRequest, writeOva } from '../../../src/images/ova/write-ova';
import { processesMatching } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const REPOSITORY = join(__dirname, '../../..');
const HASH = 'a1b2c3d4'.repeat(8);
const DISK_MIB = 64;

jest.setTimeout(10 * 60_000);

let root: string;
let disk: string;

beforeAll(async () => {
  root = temporaryDirectory();
  const raw = Buffer.alloc(DISK_MIB * 2 ** 20);
  randomBytes(8 * 2 ** 20).copy(raw, 2 ** 20);
  writeFileSync(join(root, 'disk.raw'), raw);
  disk = join(root, 'disk.qcow2');
  await run('qemu-img', ['convert', '-O', 'qcow2', join(root, 'disk.raw'), disk]);
});

function directory(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  return path;
}

function data(path: string): Omit<OvaRequest, 'run' | 'signal'> {
  const machine = { name: 'haskell-build', cpus: 2, memoryMib: 1024 };
  return { disk, path, ...machine, definitionHash: HASH, sourceDateEpoch: 1_600_000_000 };
}

function request(path: string): OvaRequest {
  return { ...data(path), run, signal: new AbortController().signal };
}

/** A program that writes the OVA, says `step: …` for each step, and prints the code of the error. */
function writerProgram(path: string): string {
  const program = join(root, `write-${randomBytes(4).toString('hex')}.ts`);
  writeFileSync(
    program,
    `import { run } from '${REPOSITORY}/src/process/run';
import { writeOva } from '${REPOSITORY}/src/images/ova/write-ova';
import { temporaryDirectory } from '../../support/temporary-directory';
const progress = (step: string) => console.log('step: ' + step);
writeOva({ ...${JSON.stringify(data(path))}, run, signal: new AbortController().signal, progress }).catch((error) => console.log(error.code));`,
  );
  return program;
}

const NODE = [process.execPath, '-r', `${REPOSITORY}/scripts/ts-node.cjs`] as const;

describeWithTools(['qemu-img', 'setpriv', 'unshare', 'tar'], 'writing an OVA', () => {
  test('gives the same bytes at another time in another place, with the whole disk inside', async () => {
    const [one, other] = [join(directory('one'), 'a.ova'), join(directory('other'), 'b.ova')];
    await writeOva(request(one));
    await writeOva(request(other));
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
    execFileSync('tar', ['-xf', one, '-C', root]);
    const vmdk = join(root, 'haskell-build-disk001.vmdk');
    await run('qemu-img', ['compare', vmdk, disk]);
    expect((await run('qemu-img', ['info', vmdk])).stdout).toContain('create type: streamOptimized');
    const digests = readFileSync(join(root, 'haskell-build.mf'), 'utf8').replace(/^SHA256\((.*)\)= (.*)$/gm, '$2  $1');
    await run('sha256sum', ['--check', '--strict'], { cwd: root, input: digests });
  });

  test.each([
    ['while the disk is converted', '4m'],
    ['while the archive is written', '12m'],
  ])('that meets a full disk %s leaves nothing and says so', async (_, size) => {
    const full = directory(`full-${size}`);
    const script = `mount -t tmpfs -o size=${size} none "$1" && cd "$2" && shift 2 && "$@"; ls -A "${full}"`;
    const program = writerProgram(join(full, 'image.ova'));
    const { stdout } = await run('unshare', [
      ...['--map-root-user', '--mount', 'sh', '-c', script, 'sh', full, REPOSITORY, ...NODE, program],
    ]);
    expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('step: '))).toEqual(['disk-full']);
  });

  test('that is killed takes qemu-img with it, and the next one removes what it left', async () => {
    const place = directory('killed');
    const writer = spawn(NODE[0], [...NODE.slice(1), writerProgram(join(place, 'image.ova'))], { cwd: REPOSITORY });
    const converters = () => processesMatching((argv) => argv[0] === 'qemu-img' && argv.join(' ').includes(place));
    await until('qemu-img', 60, () => converters().length > 0);
    await kill(writer);
    await until('the end of qemu-img', 20, () => converters().length === 0);
    expect(readdirSync(place)).toEqual([expect.stringMatching(/^\.ova-/)]);
    await writeOva(request(join(place, 'image.ova')));
    expect(readdirSync(place)).toEqual(['image.ova']);
  });
});

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
