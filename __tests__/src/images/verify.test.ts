import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asDebian } from '../../../src/model/image-definition';
import type { Run } from '../../../src/process/run';
import { DEBIAN_KEYRING } from '../../../src/images/debian-image';
import { type Verification, verifyImage, type VerifyRequest } from '../../../src/images/verify';
import { temporaryDirectory } from '../../support/temporary-directory';
import { writeDefinition } from './support';

// A machine without Debian's keyring builds no image.
const withKeyring = existsSync(DEBIAN_KEYRING) ? test : test.skip;

let root: string;
let assets: string;
let reference: VerifyRequest['reference'];

beforeEach(() => {
  root = temporaryDirectory();
  assets = join(root, 'assets');
  const path = join(root, 'reference.qcow2');
  writeFileSync(path, 'disk');
  reference = { path, packages: { ghc: '9.6.6-4', jq: '1.7' } };
});

/** Stands in for the builder's tools. Each build takes the next archive, the last one for ever. */
function fakeTools(archives: readonly string[], disks: readonly string[] = ['disk']): Run {
  let builds = 0;
  const nth = (values: readonly string[]) => values[Math.min(builds, values.length) - 1] ?? '';
  return (file, args, options = {}) => {
    const out = options.env?.['BUILDFLEET_OUT'];
    if (out !== undefined) {
      builds += 1;
      for (const name of ['boot.img', 'core.img']) writeFileSync(join(out, name), Buffer.alloc(512));
      writeFileSync(join(out, 'packages'), nth(archives));
      writeFileSync(join(out, 'releases'), '');
    }
    if (args.includes('-c')) writeFileSync(args.at(-1)!, nth(disks));
    const answers: Readonly<Record<string, string>> = { compare: 'Content mismatch at offset 512!' };
    if (file === 'debugfs') {
      const copy = join(String(args[1]).replace('rdump / ', ''), 'file');
      writeFileSync(copy, '');
      // as debugfs gives a copy the date of its file
      utimesSync(copy, 0, 0);
    }
    return Promise.resolve({ stdout: answers[args[0] ?? ''] ?? '', stderr: '', exitCode: 0 });
  };
}

async function verify(run: Run, changes: Partial<VerifyRequest> = {}): Promise<Verification> {
  const cacheDirectory = join(root, 'cache');
  try {
    return await verifyImage({
      ...{ definition: asDebian(writeDefinition(assets)), assetsDirectory: assets, reference, cacheDirectory, run },
      ...{ signal: new AbortController().signal, progress: () => undefined, ...changes },
    });
  } finally {
    expect(readdirSync(join(cacheDirectory, 'images'))).toEqual([]);
  }
}

const NOW = 'ghc 9.6.6-4\njq 1.7\n';
const LATER = 'ghc 9.6.6-4\njq 1.8\nnew 1\n';

withKeyring('the same packages and the same bytes: the image in the cache is verified by one build', async () => {
  const verified = { difference: null, comparedWith: 'cache', changedPackages: [] };
  expect(await verify(fakeTools([NOW]))).toEqual(verified);
});

withKeyring('the same packages and other bytes: the difference is looked for', async () => {
  expect(await verify(fakeTools([NOW], ['other']))).toMatchObject({
    difference: { path: null, what: 'the boot sectors differ at byte 512 of the disk' },
    comparedWith: 'cache',
  });
});

withKeyring('an archive that has moved on: two builds of now are compared, and the packages are named', async () => {
  const archive = { comparedWith: 'new-builds', changedPackages: ['jq', 'new'] };
  expect(await verify(fakeTools([LATER], ['later']))).toEqual({ difference: null, ...archive });
  expect((await verify(fakeTools([LATER], ['one', 'other']))).difference).not.toBeNull();
});

withKeyring('without an image two are built', async () => {
  expect(await verify(fakeTools([LATER], ['one', 'one', 'other']), { reference: null })).toEqual({
    ...{ difference: null, comparedWith: 'new-builds', changedPackages: [] },
  });
});

withKeyring('an archive that changes between the two builds proves nothing', async () => {
  const error = verify(fakeTools([NOW, LATER]), { reference: null });
  await expect(error).rejects.toMatchObject({ code: 'mirror-moved', problem: expect.stringContaining('jq, new') });
});
