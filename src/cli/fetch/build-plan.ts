import { z } from 'zod';
import { FleetError } from '../../model/errors';
import { parseFailure } from '../../model/zod-issue';

/** Something that cabal makes of a local package, and the files that it may be in, on the machine that builds. */
export interface Artifact {
  readonly kind: 'executable' | 'library' | 'foreign-library';
  readonly package: string;
  /** Name of the executable or the foreign library, or of the library's unit. */
  readonly name: string;
  /** As cabal's targets name it: `exe:app`, `lib:inner`; of the main library `lib`. */
  readonly component: string;
  /**
   * Absolute paths, of which those that exist count. A directory ends with a slash: of a foreign library, whose file is
   * named after its version.
   */
  readonly files: readonly string[];
  /** Of a library: name of its record in a package database, which cabal writes when it is built. */
  readonly record?: string;
}

/** What cabal has planned to build of the local packages. */
export interface BuildPlan {
  /** As in `dist-newstyle/packagedb`: `ghc-9.6.6`. */
  readonly compiler: string;
  readonly artifacts: readonly Artifact[];
  /** Absolute path of each local package, by its name. */
  readonly packages: ReadonlyMap<string, string>;
}

/** Names of units and components become part of paths there, and of messages here. */
const NAME = /^[\p{L}\p{N}.+_-]+$/u;

const unitSchema = z.object({
  type: z.string(),
  id: z.string(),
  // It may become the name of a directory here, and the plan comes from a machine that runs what others wrote.
  'pkg-name': z.string().regex(/^[\p{L}\p{N}-]+$/u, 'this is not the name of a package'),
  'pkg-src': z.object({ path: z.string().optional() }).optional(),
  style: z.string().optional(),
  'component-name': z.string().optional(),
  'bin-file': z.string().optional(),
  'dist-dir': z.string().optional(),
  components: z.record(z.string(), z.object({ 'bin-file': z.string().optional() })).optional(),
});

const planSchema = z.object({ 'compiler-id': z.string(), 'install-plan': z.array(unitSchema) });

type Unit = z.infer<typeof unitSchema>;

/**
 * Reads `cache/plan.json` of cabal 2.0 and later. Tests and benchmarks are left out, and of a library with signatures
 * (Backpack) what it was before they were filled, if they are.
 *
 * @throws FleetError `build-plan-unreadable`
 */
export function parseBuildPlan(text: string): BuildPlan {
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
  const compiler = plan['compiler-id'];
  const units = plan['install-plan'].filter(isOfProject);
  const filled = new Set(units.map(({ id }) => id.replace(/\+.*/, (hash) => (hash === '' ? hash : '+'))));
  return {
    compiler,
    artifacts: units
      .filter(({ id }) => !filled.has(`${id}+`))
      .flatMap((unit) => artifacts(unit, compiler.replace('-', ''))),
    packages: new Map(
      units.flatMap((unit) => {
        const path = unit['pkg-src']?.path;
        return path === undefined ? [] : [[unit['pkg-name'], path.replace(/\/\.?$/, '')]];
      }),
    ),
  };
}

/** cabal calls packages of others `inplace` when they are made of local ones: signatures that those fill. */
function isOfProject({ id, style }: Unit): boolean {
  return style === 'local' || (style === 'inplace' && id.includes('+'));
}

function artifacts(unit: Unit, compiler: string): Artifact[] {
  // Of a package with a Setup.hs of its own all components are built at once, and stand in one unit.
  const components = unit.components ?? { [unit['component-name'] ?? '']: { 'bin-file': unit['bin-file'] } };
  return Object.entries(components).flatMap(([component, { 'bin-file': file }]): Artifact[] => {
    const [kind, own] = component.split(':');
    const common = { package: unit['pkg-name'], component };
    if (kind === 'exe' && file !== undefined) {
      return [{ ...common, kind: 'executable', name: own ?? unit['pkg-name'], files: [file] }];
    }
    const directory = unit['dist-dir'];
    if (directory === undefined || !NAME.test(unit.id) || !NAME.test(own ?? unit.id)) return [];
    if (kind === 'flib' && own !== undefined) {
      return [{ ...common, kind: 'foreign-library', name: own, files: [`${directory}/build/${own}/`] }];
    }
    if (kind !== 'lib') return [];
    const name = unit.components === undefined || own === undefined ? unit.id : `${unit.id}-${own}`;
    // Below its own name is what is not the main library, and below that of the unit what is made of signatures.
    const places = ['', ...(own === undefined ? [] : [`${own}/`]), ...(name.includes('+') ? [`${name}/`] : [])];
    const files = places.flatMap((place) => {
      const base = `${directory}/build/${place}libHS${name}`;
      return [`${base}.a`, `${base}_p.a`, `${base}-${compiler}.so`];
    });
    return [{ ...common, kind: 'library', name, files, record: name }];
  });
}
