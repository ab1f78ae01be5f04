import { type Document, LineCounter, type Scalar, isMap, isScalar, parseDocument, stringify } from 'yaml';
import type { ErrorCode } from '../model/error-codes';
import { CDK_COMMAND } from '../model/cdk-command';
import { DEFAULT_TUNNEL_PORTS } from '../model/defaults';
import { FleetError } from '../model/errors';
import { portSchema } from '../model/port';
import { type PortEntry, type PortRegistry, portEntrySchema } from '../model/port-registry';
import { describeIssue, lowercaseSentence } from '../model/zod-issue';

/** A registry file as read: what could be understood, and everything that is wrong with the rest. */
export interface ParsedPortRegistry {
  readonly registry: PortRegistry;
  readonly problems: readonly FleetError[];
}

const HEADER = `# Which VM has which tunnel port. Written by \`${CDK_COMMAND} synth\`, committed like a lock file.
# The port of a removed VM stays reserved for its name until \`buildfleet ports release PORT\`.
`;

/** The text of `port-registry.yml`. */
export function renderPortRegistry(registry: PortRegistry): string {
  const ports = new Map([...registry].sort(([a], [b]) => a - b));
  return HEADER + stringify({ ports }, { lineWidth: 0 });
}

/**
 * Reads `port-registry.yml`. An empty text is an empty registry.
 *
 * @param file name for messages, which carry it with the line
 */
export function parsePortRegistry(text: string, file: string): ParsedPortRegistry {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const at = (offset: number | undefined): string => `${file}:${lines.linePos(offset ?? 0).line}`;
  const notYaml = (offset: number | undefined, message: string): FleetError =>
    new FleetError({
      code: 'registry-not-yaml',
      place: at(offset),
      problem: `the port registry is not YAML: ${lowercaseSentence(message)}`,
      remedy: 'correct the line, or take the file back from version control',
    });
  if (document.errors.length > 0) {
    return { registry: new Map(), problems: document.errors.map((error) => notYaml(error.pos[0], error.message)) };
  }
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // an alias without its anchor is only noticed here
    return { registry: new Map(), problems: [notYaml(0, (error as Error).message)] };
  }
  if (document.contents === null) return { registry: new Map(), problems: [] };

  const problems: FleetError[] = [];
  const registry = new Map<number, PortEntry>();
  const portOf = new Map<string, number>();
  const refuse = (
    offset: number | undefined,
    code: ErrorCode,
    problem: string,
    value: unknown,
    remedy: string,
  ): void => {
    problems.push(new FleetError({ code, place: at(offset), problem, value, remedy }));
  };

  const ports: unknown = isMap(document.contents) ? document.get('ports', true) : undefined;
  if (!isMap(ports) && !(isScalar(ports) && ports.value === null)) {
    refuse(
      0,
      'registry-shape',
      'the port registry has no `ports` mapping',
      content,
      `write \`ports: {${DEFAULT_TUNNEL_PORTS.first}: {…}}\``,
    );
    return { registry, problems };
  }
  for (const pair of isMap(ports) ? ports.items : []) {
    const key = pair.key as Scalar;
    const offset = key.range?.[0];
    const port = key.value;
    if (!isPort(port)) {
      refuse(offset, 'registry-port', 'a key under `ports` is not a port', port, 'use a number from 1024 to 65535');
      continue;
    }
    const entry = toJs(pair.value, document);
    const parsed = portEntrySchema.safeParse(entry);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        problems.push(
          new FleetError({
            code: 'registry-entry',
            ...describeIssue(issue, { input: entry, place: (path) => `port ${port} ${path}`.trimEnd() }),
            place: at(offset),
            remedy: 'give vm_name, host_machine and status (reserved or available)',
          }),
        );
      }
      continue;
    }
    if (registry.has(port)) {
      refuse(
        offset,
        'registry-duplicate-port',
        `two VMs have port ${port}: ${String(registry.get(port)?.vm_name)} and ${String(parsed.data.vm_name)}`,
        port,
        'give each VM a port of its own',
      );
      continue;
    }
    const owner = parsed.data.status === 'reserved' ? parsed.data.vm_name : null;
    const other = owner === null ? undefined : portOf.get(owner);
    if (owner !== null && other !== undefined) {
      refuse(offset, 'registry-duplicate-vm', `${owner} has port ${other} too`, port, 'leave one of the two entries');
      continue;
    }
    if (owner !== null) portOf.set(owner, port);
    registry.set(port, parsed.data);
  }
  return { registry: new Map([...registry].sort(([a], [b]) => a - b)), problems };
}

function isPort(value: unknown): value is number {
  return portSchema.safeParse(value).success;
}

function toJs(node: unknown, document: Document): unknown {
  return isMap(node) ? node.toJS(document) : isScalar(node) ? node.value : null;
}
