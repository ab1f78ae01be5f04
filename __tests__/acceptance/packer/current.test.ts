import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { explainPackerFailure, explainPluginFailure } from '../../../src/images/packer/failures';
import { renderPackerFiles } from '../../../src/images/packer/rendered-files';
import type { UbuntuImageDefinition } from '../../../src/model/image-definition';
import { run } from '../../../src/process/run';
import { ASSETS } from '../../../src/rendering/assets';
import { UBUNTU_BASE, ubuntuDefinition } from '../../src/images/packer/support/ubuntu-definition';
import { temporaryDirectory } from '../../support/temporary-directory';

const LIMIT = 120_000;
/** Packer 1.10 or newer, which Debian does not have. */
const packer = process.env['PACKER'];
const describeWithCurrent = packer === undefined ? describe.skip : describe;
const why = packer === undefined ? ' (skipped: PACKER names no Packer of 1.10 or newer)' : '';

describeWithCurrent(`the template before the Packer of today${why}`, () => {
  let directory: string;
  let environment: Readonly<Record<string, string>>;

  beforeEach(() => {
    const root = temporaryDirectory('buildfleet packer-');
    directory = join(root, 'image');
    cpSync(join(ASSETS, 'haskell'), directory, { recursive: true });
    mkdirSync(join(root, 'bin'));
    symlinkSync(packer ?? '', join(root, 'bin', 'packer'));
    environment = {
      PATH: `${join(root, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      CHECKPOINT_DISABLE: '1',
      PACKER_CONFIG_DIR: join(root, 'config'),
      // nothing listens there: what asks a server fails at once, on every machine
      HTTPS_PROXY: 'http://127.0.0.1:9',
      https_proxy: 'http://127.0.0.1:9',
    };
  });

  const image = () => ubuntuDefinition({ base: { ...UBUNTU_BASE, builder: 'qemu' } });

  function write(definition: UbuntuImageDefinition): void {
    for (const { path, content } of renderPackerFiles(definition)) {
      mkdirSync(join(directory, path, '..'), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
  }

  const tell = async (...args: string[]) => run('packer', args, { cwd: directory, env: environment });
  const failure = (...args: string[]) =>
    tell(...args).then(
      () => {
        throw new Error(`packer ${args.join(' ')} succeeded`);
      },
      (cause: unknown) => cause,
    );
  const place = () => ({ definition: image(), workDirectory: directory });

  test(
    'has the syntax and the layout that it wants',
    async () => {
      write(image());
      await tell('validate', '-syntax-only', '.');
      expect((await tell('fmt', '-check', '-diff', '.')).stdout).toBe('');
    },
    LIMIT,
  );

  test(
    'asks for the plugin of QEMU in its exact version, and for no other',
    async () => {
      write(image());
      const { stdout } = await tell('plugins', 'required', '.');
      expect(stdout).toContain('github.com/hashicorp/qemu');
      expect(stdout).toMatch(/= 1\.1\.4/);
      expect(stdout).not.toContain('virtualbox');
    },
    LIMIT,
  );

  test(
    'packer init without a network is told as that, not as a fault of the installer',
    async () => {
      write(image());
      expect(explainPluginFailure(await failure('init', '.'), place())).toMatchObject({
        code: 'packer-plugins-unreachable',
      });
    },
    LIMIT,
  );

  test(
    'a build without its plugin is told as that',
    async () => {
      write(image());
      expect(explainPackerFailure(await failure('build', '.'), place())).toMatchObject({ code: 'packer-plugins' });
    },
    LIMIT,
  );

  test.each([
    ['nope=1', /no such variable: .*"nope"/],
    ['memory=abc', /does not take: .*memory/],
    ['memory=100', /does not take: .*The variable memory must be 512 or more/],
    ['packages=x', /does not take: .*packages/],
  ])(
    '-var %s is explained',
    async (assignment, message) => {
      write(image());
      // the block that asks for plugins would be refused first
      writeFileSync(join(directory, 'plugins.pkr.hcl'), '');
      const error = explainPackerFailure(await failure('validate', '-var', assignment, '.'), place());
      expect(error.code).toBe('packer-variables');
      expect(error.problem).toMatch(message);
    },
    LIMIT,
  );
});
