import fc from 'fast-check';
import { NAME_PATTERN } from '../../../src/model/names';
import type { PortEntry, PortRegistry } from '../../../src/model/port-registry';
import { parsePortRegistry, renderPortRegistry } from '../../../src/rendering/port-registry';

const FILE = 'port-registry.yml';
const name = fc.stringMatching(NAME_PATTERN);
const registries: fc.Arbitrary<PortRegistry> = fc
  .uniqueArray(
    fc.record({
      port: fc.integer({ min: 1024, max: 65535 }),
      vm_name: name,
      host_machine: fc.option(name),
      status: fc.constantFrom('reserved' as const, 'available' as const),
    }),
    { selector: ({ vm_name }) => vm_name },
  )
  .map((entries) => new Map(entries.map(({ port, ...entry }) => [port, entry as PortEntry])))
  .map((registry) => new Map([...registry].sort(([a], [b]) => a - b)));

const messages = (text: string): string[] => parsePortRegistry(text, FILE).problems.map((problem) => problem.message);

test('what is rendered is read back', () => {
  fc.assert(
    fc.property(registries, (registry) => {
      const parsed = parsePortRegistry(renderPortRegistry(registry), FILE);
      expect(parsed.problems).toEqual([]);
      expect(parsed.registry).toEqual(registry);
    }),
  );
});

test('any text is either read or refused with a place, a value and a remedy', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `ports:\n  ${text}`),
      ),
      (text) => {
        for (const problem of parsePortRegistry(text, FILE).problems) {
          expect(problem.place).toMatch(/^port-registry\.yml:\d+$/);
          expect(problem.remedy).not.toBe('');
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.each(['', '# nothing yet\n', 'ports:\n', 'ports: {}\n'])('an empty registry: %j', (text) => {
  expect(parsePortRegistry(text, FILE)).toEqual({ registry: new Map(), problems: [] });
});

test('every mistake is reported, with its line', () => {
  const text = [
    'ports:',
    '  12221: {vm_name: a, host_machine: local, status: reserved}',
    '  12221: {vm_name: b, host_machine: local, status: reserved}',
    '  abc: {vm_name: c, host_machine: local, status: reserved}',
    '  80: {vm_name: c, host_machine: local, status: reserved}',
    '  12223: {vm_name: "../x", host_machine: local, status: reserved}',
    '  12224: {vm_name: a, host_machine: local, status: reserved}',
    '  12225: {vm_name: d, host_machine: local, status: taken}',
    '  12226: 7',
    '',
  ].join('\n');
  expect(messages(text)).toEqual([
    expect.stringMatching(/^port-registry.yml:3: two VMs have port 12221: a and b \(received 12221\): give each/),
    expect.stringMatching(/^port-registry.yml:4: a key under `ports` is not a port \(received "abc"\)/),
    expect.stringMatching(/^port-registry.yml:5: .*\(received 80\)/),
    expect.stringMatching(/^port-registry.yml:6: port 12223 vm_name: must match .*\(received "\.\.\/x"\)/),
    expect.stringMatching(/^port-registry.yml:7: a has port 12221 too/),
    expect.stringMatching(/^port-registry.yml:8: port 12225 status: .*\(received "taken"\)/),
    expect.stringMatching(/^port-registry.yml:9: port 12226: /),
  ]);
});

test.each([
  ['not YAML', 'ports:\n  12221: {vm_name: [\n', /^port-registry.yml:\d+: the port registry is not YAML: /],
  ['a list', '- 1\n', /^port-registry.yml:1: the port registry has no `ports` mapping/],
  ['ports of another kind', 'ports: 5\n', /^port-registry.yml:1: the port registry has no `ports` mapping/],
])('a file that is %s', (_, text, expected) => {
  expect(messages(text)[0]).toMatch(expected);
});
