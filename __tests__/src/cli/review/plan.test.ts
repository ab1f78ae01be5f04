import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { PlanComparison, SHAPES } from '../../../../src/cli/review/plan';
import type { RenderedStack } from '../../../../src/cli/review/rendered-stack';
import type { ResourceShape } from '../../../../src/model/resource-shape';

const MODEL = join(__dirname, '../../../../src/model/resources');

type Resources = RenderedStack['plan']['resource'];

function stack(resource: Resources, files: Readonly<Record<string, string>> = {}): RenderedStack {
  return {
    files: new Map(Object.entries(files)),
    plan: { resource },
    ...{ hosts: [], vms: [], ports: new Map(), definition: () => undefined },
  };
}

/** Address and action of everything that changes. */
function actions(before: RenderedStack, after: RenderedStack): Readonly<Record<string, string>> {
  const changes = new PlanComparison(before, after).changes();
  return Object.fromEntries(changes.map(({ address, action }) => [address, action]));
}

test('every shape of the model is known', () => {
  const all = readdirSync(MODEL).flatMap((file) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- every module of the folder
    const module = require(join(MODEL, file)) as Readonly<Record<string, Partial<ResourceShape>>>;
    return Object.values(module).flatMap(({ type, attributes }) => (attributes && type !== undefined ? [type] : []));
  });
  expect(SHAPES.map(({ type }) => type).sort()).toEqual(all.sort());
});

const file = (content: string, more = {}): Resources => ({
  buildfleet_managed_file: { notes: { path: '~/notes', content, ...more } },
});

test('a default that is written down is no change, another order of keys neither', () => {
  expect(actions(stack(file('a')), stack(file('a', { mode: '0644', expand_home: false, block: null })))).toEqual({});
  const one = { buildfleet_workstation: { w: { sshd_port: 1, tunnel_ports: { first: 1, last: 2 } } } };
  const other = { buildfleet_workstation: { w: { tunnel_ports: { last: 2, first: 1 }, sshd_port: 1 } } };
  expect(actions(stack(one), stack(other))).toEqual({});
});

test('what the shape says decides between an update and a replacement', () => {
  expect(actions(stack(file('a')), stack(file('b')))).toEqual({ 'buildfleet_managed_file.notes': 'update' });
  expect(actions(stack(file('a')), stack(file('a', { block: 'x' })))).toEqual({
    'buildfleet_managed_file.notes': 'replace',
  });
});

test('a file that is read while planning is content', () => {
  const content = file('${file("notes.txt")}');
  expect(actions(stack(content, { 'notes.txt': 'a' }), stack(content, { 'notes.txt': 'b' }))).toEqual({
    'buildfleet_managed_file.notes': 'update',
  });
  expect(actions(stack(content, { 'notes.txt': 'a' }), stack(content, { 'notes.txt': 'a', other: 'b' }))).toEqual({});
});

test('what follows from a replaced object changes with it, what is stable stays when the object does', () => {
  const fleet = (vmName: string, heartbeat: number): Resources => ({
    buildfleet_identity: { i: { vm_name: vmName } },
    buildfleet_vm: {
      v: {
        name: 'v',
        identity: { host_fingerprint: '${buildfleet_identity.i.host_fingerprint}' },
        heartbeat_seconds: heartbeat,
      },
    },
    null_resource: { test: { triggers: { vm: '${buildfleet_vm.v.id}', cpus: '${buildfleet_vm.v.cpus}' } } },
  });
  expect(actions(stack(fleet('a', 30)), stack(fleet('a', 60)))).toEqual({ 'buildfleet_vm.v': 'update' });
  expect(actions(stack(fleet('a', 30)), stack(fleet('b', 30)))).toEqual({
    'buildfleet_identity.i': 'replace',
    'buildfleet_vm.v': 'replace',
    'null_resource.test': 'replace',
  });
});

test("developers' keys follow from the list of developers and from nothing else of the workstation", () => {
  const fleet = (developers: string[], port: number): Resources => ({
    buildfleet_workstation: { w: { developers, sshd_port: port } },
    buildfleet_vm: { v: { developer_public_keys: '${buildfleet_workstation.w.developer_public_keys}' } },
  });
  expect(actions(stack(fleet(['a'], 1)), stack(fleet(['a'], 2)))).toEqual({ 'buildfleet_workstation.w': 'update' });
  expect(actions(stack(fleet(['a'], 1)), stack(fleet(['b'], 1)))).toEqual({
    'buildfleet_vm.v': 'update',
    'buildfleet_workstation.w': 'update',
  });
});

test("text that only looks like a reference is text, and Terraform's own arguments change no object", () => {
  const literal = {
    ...file('$${buildfleet_identity.i.host_public_key}'),
    buildfleet_identity: { i: { vm_name: 'a' } },
  };
  const renamed = { ...literal, buildfleet_identity: { i: { vm_name: 'b' } } };
  expect(actions(stack(literal), stack(renamed))).toEqual({ 'buildfleet_identity.i': 'replace' });
  expect(actions(stack(file('a')), stack(file('a', { depends_on: ['x.y'], '//': 'noise' })))).toEqual({
    'buildfleet_managed_file.notes': 'settings',
  });
});

test('resources of a type without a shape are compared as they stand', () => {
  const iso = (profile: string): Resources => ({ buildfleet_iso: { live: { profile } } });
  expect(actions(stack(iso('a')), stack(iso('b')))).toEqual({ 'buildfleet_iso.live': 'update' });
  expect(actions(stack({}), stack(iso('b')))).toEqual({ 'buildfleet_iso.live': 'create' });
});

test('objects that refer to each other in a circle are no endless work', () => {
  const circle = (path: string): Resources => ({
    buildfleet_managed_file: {
      a: { path: '${buildfleet_managed_file.b.content}', content: '${buildfleet_managed_file.b.content}' },
      b: { path, content: '${buildfleet_managed_file.a.content}' },
    },
  });
  expect(actions(stack(circle('x')), stack(circle('y')))).toEqual({ 'buildfleet_managed_file.b': 'replace' });
});

test('no plan is a change from itself', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const resources = fc.dictionary(
    fc.constantFrom('buildfleet_vm', 'null_resource', 'other_thing'),
    fc.dictionary(fc.constantFrom('a', 'b'), fc.dictionary(fc.constantFrom('cpus', 'content', '//', 'x'), value)),
  );
  fc.assert(
    fc.property(resources, (resource) => {
      const copy = JSON.parse(JSON.stringify(resource)) as Resources;
      expect(actions(stack(resource as Resources), stack(copy))).toEqual({});
    }),
  );
});
