import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { definitionHash } from '../../../../src/model/image-definition';
import type { Amount } from '../../../../src/model/journal';
import type { imageShape } from '../../../../src/model/resources/image';
import type { Planned } from '../../../../src/model/resource-shape';
import { watchProgress } from '../../../../src/process/progress';
import type { Run } from '../../../../src/process/run';
import { imageResource } from '../../../../src/provider/resources/image';
import { writeDefinition } from '../../images/support';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { recordingContext } from './support/context';

let root: string;
let planned: Planned<typeof imageShape>;
/** What the disk of the next build holds. */
let content: string;

/** Stands in for mmdebstrap and qemu-img. */
const fakeTools: Run = (_file, args, options) => {
  const out = options?.env?.['BUILDFLEET_OUT'];
  if (out !== undefined) {
    for (const name of ['boot.img', 'core.img', 'packages', 'releases']) writeFileSync(join(out, name), '');
  }
  if (args.includes('convert')) writeFileSync(args.at(-1)!, content);
  return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
};

const resource = (run: Run = fakeTools) =>
  imageResource({ fleet: 'fleet', stateDirectory: null, cacheDirectory: join(root, 'cache') }, run);

beforeEach(() => {
  root = temporaryDirectory();
  content = 'disk';
  mkdirSync(join(root, 'haskell'));
  const definition = writeDefinition(join(root, 'haskell'));
  const definitionFile = join(root, 'haskell/definition.json');
  writeFileSync(definitionFile, JSON.stringify(definition, null, 2));
  planned = {
    ...{
      name: 'haskell',
      definitionHash: definitionHash(definition),
      definitionFile,
      format: 'qcow2',
      status: 'present',
    },
    ...{ artifactPath: undefined, sha256: undefined, sizeBytes: undefined },
  };
});

test('create builds, read finds it unchanged, and a second create builds nothing', async () => {
  const context = recordingContext<typeof imageShape>();
  const amounts: string[] = [];
  const reports = {
    step: (text: string) => {
      context.progress.step(text);
    },
    amount: ({ done, total, unit }: Amount) => amounts.push(`${done} of ${total} ${unit}`),
  };
  const state = await watchProgress(reports, () => resource().create(planned, context));
  expect(context.steps).toEqual(['installing packages', 'compressing the disk', 'computing the checksum']);
  expect(amounts).toEqual(['4 of 4 bytes']);
  expect(state).toEqual({
    ...planned,
    artifactPath: join(root, 'cache/images', planned.definitionHash, 'disk.qcow2'),
    sha256: createHash('sha256').update('disk').digest('hex'),
    sizeBytes: 4,
  });
  expect(await resource().read(state, recordingContext())).toEqual(state);
  const noTools: Run = () => Promise.reject(new Error('no command may run'));
  expect(await resource(noTools).create(planned, recordingContext())).toEqual(state);
});

test('another spelling of the cache directory is the same image, whose disks name it as they did', async () => {
  const state = await resource().create(planned, recordingContext());
  const link = join(root, 'link');
  symlinkSync(root, link);
  const linked = imageResource(
    { fleet: 'fleet', stateDirectory: null, cacheDirectory: join(link, 'cache') },
    fakeTools,
  );
  expect(await linked.read(state, recordingContext())).toEqual(state);
  unlinkSync(state.artifactPath);
  const lost = await linked.read(state, recordingContext());
  expect(lost).toEqual({ ...state, status: 'missing' });
  expect(await linked.update?.(lost!, planned, recordingContext())).toEqual(state);
});

test('a lost image is a change of its status, and deploy builds it again', async () => {
  const state = await resource().create(planned, recordingContext());
  unlinkSync(state.artifactPath);
  const found = await resource().read(state, recordingContext());
  expect(found).toEqual({ ...state, status: 'missing' });
  expect(resource().plan?.(found!, { ...planned, ...state })).toEqual({ unknown: ['sha256', 'sizeBytes'] });
  const context = recordingContext<typeof imageShape>();
  expect(await resource().update?.(found!, planned, context)).toEqual(state);
  expect(context.warnings).toEqual([]);
});

test('an altered image is seen; one that was rebuilt with other content is pointed out', async () => {
  const state = await resource().create(planned, recordingContext());
  chmodSync(state.artifactPath, 0o644);
  writeFileSync(state.artifactPath, 'something else');
  const found = await resource().read(state, recordingContext());
  expect(found?.status).toBe('altered');
  content = 'newer disk';
  const context = recordingContext<typeof imageShape>();
  const rebuilt = await resource().update?.(found!, planned, context);
  expect(rebuilt).toMatchObject({ status: 'present', sizeBytes: 10 });
  expect(context.warnings).toHaveLength(1);
});

test('a plan for an intact image knows everything', async () => {
  const state = await resource().create(planned, recordingContext());
  expect(resource().plan?.(state, { ...planned, ...state })).toEqual({});
});

test('destroy leaves the cache alone', async () => {
  const state = await resource().create(planned, recordingContext());
  await resource().delete(state, recordingContext());
  expect(statSync(state.artifactPath).size).toBe(4);
});

test('import takes the hash of an image in the cache, and nothing else', async () => {
  const state = await resource().create(planned, recordingContext());
  const imported = await resource().import?.(planned.definitionHash, recordingContext());
  expect(imported).toMatchObject({ artifactPath: state.artifactPath, sha256: state.sha256, status: 'present' });
  for (const id of ['../../etc', 'b'.repeat(64)]) {
    await expect(resource().import?.(id, recordingContext())).rejects.toMatchObject({ code: 'image-not-in-cache' });
  }
});

test.each([
  [
    'is not there',
    (file: string) => {
      unlinkSync(file);
    },
  ],
  [
    'is not JSON',
    (file: string) => {
      writeFileSync(file, '{');
    },
  ],
  [
    'is another one',
    (file: string) => {
      writeFileSync(file, JSON.stringify(writeDefinition(join(root, 'haskell'), { keyboard: 'de' })));
    },
  ],
])('a definition file that %s is refused before anything is built', async (_, alter) => {
  alter(planned.definitionFile);
  await expect(resource().create(planned, recordingContext())).rejects.toMatchObject({
    code: 'image-definition-file',
    place: planned.definitionFile,
    attribute: 'definitionFile',
  });
  expect(readdirSync(root)).toEqual(['haskell']);
});

test('a cache directory that cannot be written to is named', async () => {
  writeFileSync(join(root, 'cache'), 'a file');
  await expect(resource().create(planned, recordingContext())).rejects.toMatchObject({ code: 'file-enotdir' });
});
