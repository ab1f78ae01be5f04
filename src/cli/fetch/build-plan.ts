import { z } from 'zod';
import { FleetError } from '../../model/errors';
import { parseFailure } from '../../model/zod-issue';

/** Something that cabal makes of a local package, and the files that it may be in, on the machine that builds. */
export interface Artifact {
  readonly kind: 'executable' | 'library';
  readonly package: string;
  /** Name of the executable, or of the library's unit. */
  readonly name: string;
  /** Absolute paths, of which those that exist count. */
  readonly files: readonly string[];
}

const unitSchema = z.object({
  type: z.string(),
  id: z.string(),
  // It may become the name of a directory here, and the plan comes from a machine that runs what others wrote.
  'pkg-name': z.string().regex(/^[\p{L}\p{N}-]+$/u, 'this is not the name of a package'),
  style: z.string().optional(),
  'component-name': z.string().optional(),
  'bin-file': z.string().optional(),
  'dist-dir': z.string().optional(),
  components: z.record(z.string(), z.object({ 'bin-file': z.string().optional() })).optional(),
});

const planSchema = z.object({ 'compiler-id': z.string(), 'install-plan': z.array(unitSchema) });

type Unit = z.infer<typeof unitSchema>;

/**
 * What cabal has planned to build of the local packages: `dist-newstyle/cache/plan.json`, cabal 2.0 and later. Tests
 * and benchmarks are left out.
 *
 * @throws FleetError `build-plan-unreadable`
 */
export function parseBuildPlan(text: string): readonly Artifact[] {
  let plan: z.infer<typeof planSchema>;
  try {
    plan = planSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new FleetError({
      code: 'build-plan-unreadable',
      problem: `cabal's plan is not one: ${parseFailure(cause)}`,
      place: 'dist-newstyle/cache/plan.json',
      remedy: 'run `buildfleet build` again, which has cabal write it anew',
      cause,
    });
  }
  const compiler = plan['compiler-id'].replace('-', '');
  return plan['install-plan'].filter(({ style }) => style === 'local').flatMap((unit) => artifacts(unit, compiler));
}

function artifacts(unit: Unit, compiler: string): Artifact[] {
  // Of a package with a Setup.hs of its own all components are built at once, and stand in one unit.
  const components = unit.components ?? { [unit['component-name'] ?? '']: { 'bin-file': unit['bin-file'] } };
  return Object.entries(components).flatMap(([name, { 'bin-file': file }]): Artifact[] => {
    const [kind, own] = name.split(':');
    if (kind === 'exe' && file !== undefined) {
      return [{ kind: 'executable', package: unit['pkg-name'], name: own ?? unit['pkg-name'], files: [file] }];
    }
    const directory = unit['dist-dir'];
    if (kind !== 'lib' || directory === undefined) return [];
    const base = `${directory}/build/libHS${unit.id}`;
    const files = [`${base}.a`, `${base}_p.a`, `${base}-${compiler}.so`];
    return [{ kind: 'library', package: unit['pkg-name'], name: unit.id, files }];
  });
}
