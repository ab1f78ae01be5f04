import { z } from 'zod';
import { computed, defaulted, optional, required } from '../../../../../src/model/resource-shape';
import { ObjectSchema } from '../../../../../src/provider/plugin/framework/object-schema';
import { validateConfig } from '../../../../../src/provider/plugin/framework/validation';
import { Unknown } from '../../../../../src/provider/plugin/wire/dynamic-value';

const schema = new ObjectSchema({
  vmName: required(z.string().min(2), 'Name.'),
  memoryMib: defaulted(z.int().min(64), 2048, 'Memory.'),
  network: optional(
    z.object({ kind: z.enum(['user', 'bridged']), hostAdapter: z.string().optional(), gateway: z.string().nullable() }),
    'Network.',
  ),
  diskSizes: optional(z.array(z.number()).max(2), 'Disks.'),
  userLabels: optional(z.record(z.string(), z.string()), 'Labels.', { sensitive: true }),
  ready: computed(z.boolean(), 'Ready.'),
});

test('the schema says the same as the shape', () => {
  const { block } = schema.toProtocol('A VM.');
  const find = (name: string) => block.attributes.find((attribute) => attribute.name === name);
  const type = (name: string) => Buffer.from(find(name)?.type ?? '').toString();
  expect(block.attributes.map(({ name }) => name)).toEqual([
    'vm_name',
    'memory_mib',
    'network',
    'disk_sizes',
    'user_labels',
    'ready',
  ]);
  expect(find('vm_name')).toMatchObject({ required: true, optional: false, computed: false, description: 'Name.' });
  expect(find('memory_mib')).toMatchObject({ required: false, optional: true, computed: true });
  expect(find('ready')).toMatchObject({ required: false, optional: false, computed: true });
  expect(find('user_labels')).toMatchObject({ sensitive: true });
  expect([type('vm_name'), type('memory_mib'), type('disk_sizes'), type('user_labels'), type('ready')]).toEqual([
    '"string"',
    '"number"',
    '["list","number"]',
    '["map","string"]',
    '"bool"',
  ]);
  expect(find('network')?.nestedType?.attributes.map(({ name, required: must }) => [name, must])).toEqual([
    ['kind', true],
    ['host_adapter', false],
    ['gateway', false],
  ]);
});

test('values change their names on the way, keys of maps do not', () => {
  const handler = {
    vmName: 'alpha',
    memoryMib: 64,
    network: { kind: 'user', gateway: null },
    diskSizes: [1, 2],
    userLabels: { host_name: 'a', hostName: 'b' },
    ready: true,
  };
  const wire = schema.toWire(handler);
  expect(wire).toEqual({
    vm_name: 'alpha',
    memory_mib: 64,
    network: { kind: 'user', host_adapter: null, gateway: null },
    disk_sizes: [1, 2],
    user_labels: { host_name: 'a', hostName: 'b' },
    ready: true,
  });
  expect(schema.toHandler(wire)).toEqual(handler);
});

test('an attribute with an unknown part is undefined for the handler', () => {
  expect(schema.toHandler({ vm_name: 'alpha', disk_sizes: [1, Unknown.value] })).toMatchObject({
    vmName: 'alpha',
    diskSizes: undefined,
    network: null,
  });
});

test('a state of another version is read: what is gone is dropped, what is new is null', () => {
  const stored = { vm_name: 'alpha', retired: 1, network: { kind: 'user', old: true } };
  expect(schema.fromStored(stored)).toEqual({
    vm_name: 'alpha',
    memory_mib: null,
    network: { kind: 'user', host_adapter: null, gateway: null },
    disk_sizes: null,
    user_labels: null,
    ready: null,
  });
});

test('a type that Terraform cannot express is an error that names the attribute', () => {
  expect(() => new ObjectSchema({ either: required(z.union([z.string(), z.number()]), 'Doc.') })).toThrow(
    'attribute either: zod type union',
  );
});

describe('validation', () => {
  const summaries = (config: object) => validateConfig(schema, config as never).map(({ summary }) => summary);

  test('reports every broken rule with the whole path', () => {
    const found = validateConfig(schema, {
      vm_name: 'a',
      memory_mib: 1.5,
      network: { kind: 'wifi', host_adapter: null, gateway: null },
    });
    expect(found.map(({ summary }) => summary.split(':')[0])).toEqual(['vm_name', 'memory_mib', 'network.kind']);
    expect(found[2]?.detail).toBe('Received "wifi".\n\nnetwork.kind is: Network.');
    // a longer path would make Terraform show the first line of the block
    expect(found[2]?.attribute).toEqual({ steps: [{ attributeName: 'network' }] });
  });

  test('waits with what is not known yet, and checks what is', () => {
    expect(summaries({ vm_name: Unknown.value, disk_sizes: [1, 2, Unknown.value] })).toEqual([]);
    expect(
      summaries({ vm_name: 'ok', network: { kind: 'wifi', host_adapter: null, gateway: Unknown.value } }),
    ).toHaveLength(1);
  });

  test('refuses a required attribute that is null, and a value for a computed one, which Terraform both lets through', () => {
    expect(summaries({ vm_name: null, ready: null })).toEqual(['vm_name: must not be null']);
    expect(summaries({ vm_name: 'ok', ready: true })).toEqual(['ready: cannot be set, the provider does']);
    expect(summaries({ vm_name: 'ok', ready: Unknown.value })).toHaveLength(1);
    expect(summaries({ vm_name: 'ok', ready: null })).toEqual([]);
  });

  test('takes null as an item where the type does', () => {
    const texts = new ObjectSchema({ texts: optional(z.record(z.string(), z.string().nullable()), 'Texts.') });
    expect(validateConfig(texts, { texts: { one: null, two: '2' } })).toEqual([]);
    expect(texts.toHandler({ texts: { one: null } })).toEqual({ texts: { one: null } });
    expect(validateConfig(schema, { vm_name: 'ok', user_labels: { a: null } })).toHaveLength(1);
  });

  test('does not repeat a sensitive value', () => {
    const [found] = validateConfig(schema, { vm_name: 'ok', user_labels: { a: 1 as never } });
    expect(found?.detail).not.toContain('Received');
  });
});
