import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { portListSchema, portReleaseSchema } from '../../../../src/cli/ports/report';
import { listPorts, releaseSlot } from '../../../../src/cli/ports/run';
import type { Context } from '../../../../src/cli/context';
import { openTerminal, type Stream } from '../../../../src/cli/terminal';
import { parsePortRegistry } from '../../../../src/rendering/port-registry';
import { temporaryDirectory } from '../../../support/temporary-directory';

const RENDERED = join(__dirname, '../../../../rendered/fleet/fleet.json');

const REGISTRY = `# a comment of ours
ports:
  12221:
    vm_name: haskell-build-alpha
    host_machine: local
    status: reserved
  12229: # gone since spring
    vm_name: haskell-build-gone
    host_machine: local
    status: reserved
  12230:
    vm_name: haskell-build-older
    host_machine: local
    status: available
`;

let directory: string;
let path: string;
let stdout: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'port-registry.yml');
  stdout = '';
  writeFileSync(path, REGISTRY);
});

function context(options: { fleet?: string; json?: boolean; environment?: NodeJS.ProcessEnv } = {}): Context {
  const out: Stream = { write: (text: string) => (stdout += text) };
  return {
    terminal: openTerminal({ json: options.json ?? false, quiet: true }, {}, out, { write: () => undefined }),
    fleetOption: options.fleet,
    environment: options.environment ?? {},
    home: directory,
    run: () => Promise.reject(new Error('no program is needed')),
    signal: new AbortController().signal,
  };
}

test('list shows every slot', async () => {
  await listPorts(context(), path);
  expect(stdout).toBe(
    [
      'PORT   VM                   HOST   STATUS',
      '12221  haskell-build-alpha  local  reserved',
      '12229  haskell-build-gone   local  reserved',
      '12230  haskell-build-older  local  available',
      '',
    ].join('\n'),
  );
});

test('list --json is a document', async () => {
  await listPorts(context({ json: true }), path);
  expect(portListSchema.parse(JSON.parse(stdout))).toMatchObject({
    formatVersion: 1,
    ports: [{ port: 12221 }, { port: 12229, status: 'reserved' }, { port: 12230 }],
  });
});

test('release --json is a document', async () => {
  await releaseSlot(context({ json: true, fleet: RENDERED }), path, 'gone');
  expect(portReleaseSchema.parse(JSON.parse(stdout)).released).toEqual({ port: 12229, vm_name: 'haskell-build-gone' });
});

test.each(['12229', 'gone', 'haskell-build-gone'])('release %s frees the slot and changes one word', async (slot) => {
  await releaseSlot(context({ fleet: RENDERED }), path, slot);
  const gone = 'haskell-build-gone\n    host_machine: local\n    status: ';
  expect(readFileSync(path, 'utf8')).toBe(REGISTRY.replace(`${gone}reserved`, `${gone}available`));
  expect(parsePortRegistry(readFileSync(path, 'utf8'), path).registry.get(12229)?.status).toBe('available');
  expect(readdirSync(directory)).toEqual(['port-registry.yml']);
});

test.each(['12221', 'alpha'])('release %s refuses the slot of a VM that the fleet has', async (slot) => {
  const act = releaseSlot(context({ fleet: RENDERED }), path, slot);
  await expect(act).rejects.toMatchObject({
    code: 'slot-in-use',
    remedy: expect.stringContaining('remove alpha from main.ts'),
  });
  expect(readFileSync(path, 'utf8')).toBe(REGISTRY);
});

test('without a deployed fleet nothing is in use', async () => {
  await releaseSlot(context(), path, 'alpha');
  expect(parsePortRegistry(readFileSync(path, 'utf8'), path).registry.get(12221)?.status).toBe('available');
});

test('a fleet that was named and is not there is an error, not an empty fleet', async () => {
  const act = releaseSlot(context({ environment: { BUILDFLEET_FLEET: join(directory, 'none.json') } }), path, 'alpha');
  await expect(act).rejects.toMatchObject({ code: 'fleet-not-found' });
  expect(readFileSync(path, 'utf8')).toBe(REGISTRY);
});

test.each(['12230', 'older', 'unknown', '1'])('release %s names the slots that are reserved', async (slot) => {
  await expect(releaseSlot(context({ fleet: RENDERED }), path, slot)).rejects.toMatchObject({
    code: 'slot-unknown',
    remedy: 'use one of: 12221 (haskell-build-alpha), 12229 (haskell-build-gone)',
  });
});

test('an edited registry is refused with its line', async () => {
  writeFileSync(path, REGISTRY.replace('12229:', 'port:'));
  await expect(listPorts(context(), path)).rejects.toMatchObject({
    message: expect.stringContaining('port-registry.yml:7'),
  });
});

test('a registry that is not there names --registry', async () => {
  await expect(listPorts(context(), join(directory, 'none.yml'))).rejects.toMatchObject({
    code: 'registry-not-found',
    remedy: expect.stringContaining('--registry'),
  });
});
