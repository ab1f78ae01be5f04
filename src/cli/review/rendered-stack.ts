import { z } from 'zod';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';
import type { PortRegistry } from '../../model/port-registry';
import { describeIssues } from '../../model/zod-issue';
import { parsePortRegistry } from '../../rendering/port-registry';
import type { Tree } from './git';
import type { RenderedTree } from './trees';

const PLAN = 'cdk.tf.json';
const FLEET = 'fleet.json';
const REGISTRY = 'port-registry.yml';

const record = z.record(z.string(), z.unknown());

/** Only what is compared: the other side may be of another version of this program. */
const planSchema = z.looseObject({ resource: z.record(z.string(), z.record(z.string(), record)).default({}) });

const fleetSchema = z.looseObject({
  hosts: z.array(z.looseObject({ id: z.string(), hypervisor: z.string().optional() })).default([]),
  vms: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string(),
        default: z.boolean().default(false),
        host: z.string().optional(),
        image: z.string().optional(),
        tunnelPort: z.number().optional(),
      }),
    )
    .default([]),
});

/** A value as JSON has it. */
export type Json = Readonly<Record<string, unknown>>;
export type RenderedVm = z.output<typeof fleetSchema>['vms'][number];

/** One stack of a rendered tree, as far as it is understood. Without files it stands for a stack that is not there. */
export interface RenderedStack {
  /** By path below the stack's directory. */
  readonly files: Tree;
  /** Terraform's input. */
  readonly plan: z.output<typeof planSchema>;
  readonly hosts: readonly z.output<typeof fleetSchema>['hosts'][number][];
  readonly vms: readonly RenderedVm[];
  readonly ports: PortRegistry;
  /**
   * The definition of an image, by the path that its resource names.
   *
   * @throws FleetError `rendered-unreadable`
   */
  definition(path: string): Json | undefined;
}

/** A stack that is not there. */
const ABSENT: RenderedStack = {
  files: new Map(),
  plan: { resource: {} },
  hosts: [],
  vms: [],
  ports: new Map(),
  definition: () => undefined,
};

/** Names of the stacks that stand in a tree: each has a directory with Terraform's input. */
export function stackNames({ files }: RenderedTree): readonly string[] {
  const names = [...files.keys()].flatMap((path) => {
    const [name, file, deeper] = path.split('/');
    return name !== undefined && deeper === undefined && (file === PLAN || file === FLEET) ? [name] : [];
  });
  return [...new Set(names)];
}

/**
 * Reads one stack.
 *
 * @throws FleetError `rendered-unreadable` that names the file and its revision
 */
export function readStack(tree: RenderedTree, name: string): RenderedStack {
  const prefix = `${name}/`;
  const files = new Map(
    [...tree.files].flatMap(([path, text]) => (path.startsWith(prefix) ? [[path.slice(prefix.length), text]] : [])),
  );
  if (!files.has(PLAN) && !files.has(FLEET)) return { ...ABSENT, files };
  const at = (path: string): string => `${tree.name}/${name}/${path}`;
  const parse = <T extends z.ZodType>(path: string, schema: T): z.output<T> =>
    parseJson(files.get(path), at(path), schema);
  const { registry, problems } = parsePortRegistry(files.get(REGISTRY) ?? '', at(REGISTRY));
  const [problem] = problems;
  if (problem !== undefined) throw unreadable(problem.place ?? at(REGISTRY), problem.problem, problem);
  return {
    files,
    plan: parse(PLAN, planSchema),
    // a stack without a workstation has none
    ...(files.has(FLEET) ? parse(FLEET, fleetSchema) : { hosts: [], vms: [] }),
    ports: registry,
    definition: (path) => (files.has(path) ? parse(path, record) : undefined),
  };
}

function parseJson<T extends z.ZodType>(text: string | undefined, place: string, schema: T): z.output<T> {
  if (text === undefined) throw unreadable(place, 'the file is missing in a directory that is rendered otherwise');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(place, `not JSON: ${(cause as Error).message.replace(/\s+/g, ' ')}`, cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw unreadable(place, describeIssues(parsed.error).problem);
}

function unreadable(place: string, problem: string, cause?: unknown): FleetError {
  return new FleetError({
    code: 'rendered-unreadable',
    problem,
    place,
    remedy: `resolve its conflicts if it has any, run \`npx ${CDK_COMMAND} synth\`, which writes it again, or name another revision`,
    cause,
  });
}
