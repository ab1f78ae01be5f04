import { mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { asDebian, type ImageDefinition, parseImageDefinition } from '../../../src/model/image-definition';
import { run } from '../../../src/process/run';
import { DEBIAN_KEYRING } from '../../../src/images/debian-image';
import { mirrorLines } from '../../../src/images/mirror';
import { type BenchFleet, withFleet } from '../bench-fleet';
import type { Benchmark } from '../figure';
import { interleaved, secondsOf } from '../timing';

const ROUNDS = 2;

/** A build from an empty cache against what its two slowest tools take alone. */
export const image: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    const { signal, progress } = context;
    await fleet.synth();
    await fleet.terraform.init();
    const definition = definitionOf(fleet);
    // instead of the cache that is shared with the acceptance tests
    unlinkSync(fleet.cacheDirectory);

    let packages: readonly string[] = [];
    const seconds = await interleaved(ROUNDS, {
      build: async () => {
        progress('building the image');
        if (fleet.project.state() !== '') await fleet.destroy();
        rmSync(fleet.cacheDirectory, { recursive: true, force: true });
        mkdirSync(fleet.cacheDirectory);
        let path = '';
        const took = await secondsOf(async () => (path = await fleet.image()));
        packages = resolvedPackages(path);
        return took;
      },
      bare: () => {
        progress('mmdebstrap and mke2fs alone');
        return bareBuild(definition, packages, signal);
      },
    });
    return {
      figures: [
        {
          what: 'image build',
          value: seconds.build,
          unit: 's',
          peer: { what: '`mmdebstrap` and `mke2fs -d` alone', value: seconds.bare },
          limit: { factor: 1.3, plus: 0 },
        },
      ],
    };
  });

function definitionOf(fleet: BenchFleet): ImageDefinition {
  const [, image] = [...fleet.declared()].find(([address]) => address.startsWith('buildfleet_image.')) ?? [];
  const file = join(fleet.terraform.path, String(image?.['definition_file']));
  return parseImageDefinition(JSON.parse(readFileSync(file, 'utf8')), file);
}

/** Names of everything that is installed in the image, from the manifest beside it. */
function resolvedPackages(disk: string): string[] {
  const { packages } = manifestSchema.parse(JSON.parse(readFileSync(`${disk}.manifest.json`, 'utf8')));
  return Object.keys(packages);
}

const manifestSchema = z.object({ packages: z.record(z.string(), z.string()) });

async function bareBuild(
  definition: ImageDefinition,
  packages: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { base } = asDebian(definition);
  const directory = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  const isRoot = process.getuid?.() === 0;
  const asRoot = (argv: readonly string[]) =>
    isRoot
      ? run(argv[0] ?? '', argv.slice(1), { signal })
      : run('unshare', ['--map-auto', '--map-root-user', ...argv], { signal });
  const [archive, tree, file] = [join(directory, 'root.tar'), join(directory, 'root'), join(directory, 'root.ext4')];
  try {
    mkdirSync(tree);
    const bootstrap = await secondsOf(() =>
      run(
        'mmdebstrap',
        [
          ...[
            `--mode=${isRoot ? 'root' : 'unshare'}`,
            '--variant=minbase',
            '--format=tar',
            `--keyring=${DEBIAN_KEYRING}`,
          ],
          ...[`--architectures=${base.architecture}`, `--include=${packages.join(',')}`],
          ...[base.suite, archive, ...mirrorLines(definition)],
        ],
        { signal },
      ),
    );
    await asRoot(['tar', '-x', '-f', archive, '-C', tree, '--exclude=./dev/*']);
    const fileSystem = await secondsOf(() =>
      asRoot(['mke2fs', '-q', '-t', 'ext4', '-d', tree, file, `${definition.diskMib}M`]),
    );
    return bootstrap + fileSystem;
  } finally {
    await asRoot(['rm', '-rf', tree]);
    rmSync(directory, { recursive: true, force: true });
  }
}
