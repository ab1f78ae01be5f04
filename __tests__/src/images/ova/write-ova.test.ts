import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FleetError } from '../../../../src/model/errors';
import { claimName } from '../../../../src/files/claim-name';
import { CommandError, type Run } from '../../../../src/process/run';
import { type OvaRequest, type WrittenOva, writeOva } from '../../../../src/images/ova/write-ova';
import { temporaryDirectory } from '../../../support/temporary-directory';

const HASH = 'a1b2c3d4'.repeat(8);
const SECTORS = 131_072;

let root: string;
let path: string;

beforeEach(() => {
  root = temporaryDirectory();
  path = join(root, 'image.ova');
});

/** What qemu-img may take for a content id: a random number without leading zeros. */
const CONTENT_IDS = ['89abcdef', '7', '12345'];
let conversions = 0;

/** Stands in for qemu-img: a sparse header, a descriptor with another content id each time, and some grains. */
const fakeQemuImg: Run = (file, args) => {
  const target = args.at(-1)!;
  expect([file, ...args].slice(0, 4)).toEqual(['setpriv', '--pdeathsig', 'TERM', 'qemu-img']);
  const vmdk = Buffer.alloc(512 * 3 + 100_001, 'grain');
  vmdk.write('KDMV');
  vmdk.writeBigUInt64LE(BigInt(SECTORS), 12);
  vmdk.writeBigUInt64LE(1n, 28);
  vmdk.writeBigUInt64LE(2n, 36);
  const id = CONTENT_IDS[conversions++ % CONTENT_IDS.length];
  vmdk.fill(0, 512, 1536);
  vmdk.write(
    `# Disk DescriptorFile\nversion=1\nCID=${id}\nparentCID=ffffffff\nRW 1 SPARSE "${basename(target)}"\n`,
    512,
  );
  writeFileSync(target, vmdk);
  return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
};

function write(changes: Partial<OvaRequest> = {}): Promise<WrittenOva> {
  return writeOva({
    ...{ disk: '/images/disk.qcow2', path, name: 'haskell', definitionHash: HASH, cpus: 4, memoryMib: 8192 },
    ...{ sourceDateEpoch: 1_600_000_000, run: fakeQemuImg, signal: new AbortController().signal },
    ...changes,
  });
}

/** Files of the archive in their order, read by another program. */
function unpack(archive: string): ReadonlyMap<string, Buffer> {
  const names = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n');
  return new Map(names.map((name) => [name, execFileSync('tar', ['-xOf', archive, name])]));
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

test('descriptor, manifest and disk stand in it, in this order, and the manifest has their digests', async () => {
  const written = await write();
  const files = unpack(path);
  expect([...files.keys()]).toEqual(['haskell.ovf', 'haskell.mf', 'haskell-disk001.vmdk']);
  const [ovf, manifest, disk] = [...files.values()] as [Buffer, Buffer, Buffer];
  expect(manifest.toString()).toBe(
    `SHA256(haskell.ovf)= ${sha256(ovf)}\nSHA256(haskell-disk001.vmdk)= ${sha256(disk)}\n`,
  );
  expect(ovf.toString()).toContain(`ovf:capacity="${SECTORS * 512}"`);
  expect(ovf.toString()).toContain(`ovf:size="${disk.length}"`);
  // A grain that fills its last sector is followed by the marker that ends the stream.
  expect(disk.length % 512).toBe(0);
  expect(disk.subarray(-512).equals(Buffer.alloc(512))).toBe(true);
  expect(written).toEqual({ diskSha256: sha256(disk), sizeBytes: readFileSync(path).length });
  expect(readdirSync(root)).toEqual(['image.ova']);
});

test('the same image gives the same bytes, and another image another content id', async () => {
  await write();
  const first = readFileSync(path);
  await write({ path: join(root, 'again.ova') });
  expect(readFileSync(join(root, 'again.ova')).equals(first)).toBe(true);
  const idOf = (archive: string) =>
    /\nCID=([0-9a-f]{8})\nparentCID=ffffffff\n/.exec(
      unpack(archive).get('haskell-disk001.vmdk')!.toString('latin1'),
    )![1];
  expect(idOf(path)).toBe('21b2c3d4');
  // ffffffff would mean that there is no content
  await write({ definitionHash: 'f'.repeat(64) });
  expect(idOf(path)).toBe('7fffffff');
});

function failing(stderr: string, exitCode: number | undefined, code?: string): Run {
  return (file, args) => {
    writeFileSync(args.at(-1)!, 'half');
    return Promise.reject(new CommandError('failed', file, '', stderr, exitCode, code, false, undefined));
  };
}

test.each([
  ['error while writing at byte 0: No space left on device', 1, undefined, 'disk-full', 'free some space'],
  ["Could not open 'x': Image is not in qcow2 format", 1, undefined, 'ova-disk', 'built anew'],
  ['setpriv: failed to execute qemu-img', 127, undefined, 'program-missing', 'apt-get install qemu-utils'],
  ['', undefined, 'ENOENT', 'program-missing', 'apt-get install util-linux'],
])('%j of the tools is explained, nothing half made stays, and the OVA of before does', async (...parts) => {
  const [stderr, exitCode, systemCode, code, remedy] = parts;
  writeFileSync(path, 'of before');
  const error: unknown = await write({ run: failing(stderr, exitCode, systemCode) }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FleetError);
  expect(error).toMatchObject({ code, remedy: expect.stringContaining(remedy) });
  expect(readdirSync(root)).toEqual(['image.ova']);
  expect(readFileSync(path, 'utf8')).toBe('of before');
});

test('a VMDK without a content id is refused', async () => {
  const run: Run = (_, args) => {
    writeFileSync(args.at(-1)!, Buffer.alloc(4096));
    return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
  };
  await expect(write({ run })).rejects.toMatchObject({ code: 'vmdk-unknown' });
  expect(readdirSync(root)).toEqual([]);
});

test('a directory that cannot be written is named', async () => {
  await expect(write({ path: join(root, 'missing/image.ova') })).rejects.toMatchObject({ code: 'ENOENT' });
  writeFileSync(join(root, 'file'), '');
  await expect(write({ path: join(root, 'file/image.ova') })).rejects.toMatchObject({ code: 'file-enotdir' });
});

test('cancelled while qemu-img works or while the disk is copied, it leaves nothing', async () => {
  const early = new AbortController();
  const run: Run = (file, args) => {
    early.abort();
    return failing('', undefined)(file, args);
  };
  await expect(write({ run, signal: early.signal })).rejects.toBeInstanceOf(CommandError);
  const late = new AbortController();
  const progress = (step: string) => {
    if (step === 'writing the OVA') late.abort();
  };
  await expect(write({ progress, signal: late.signal })).rejects.toMatchObject({ name: 'AbortError' });
  expect(readdirSync(root)).toEqual([]);
});

test('what a killed writer left is removed by the next one, what a living one has is not', async () => {
  const dead = spawnSync(
    process.execPath,
    ['-r', './scripts/ts-node.cjs', '-p', "require('./src/files/claim-name').claimName()"],
    {
      encoding: 'utf8',
    },
  ).stdout.trim();
  const living = claimName();
  for (const claim of [dead, living]) {
    mkdirSync(join(root, `.ova-${claim}`));
    writeFileSync(join(root, `.ova-${claim}`, 'ova'), 'half');
  }
  await write();
  expect(readdirSync(root).sort()).toEqual([`.ova-${living}`, 'image.ova'].sort());
});
