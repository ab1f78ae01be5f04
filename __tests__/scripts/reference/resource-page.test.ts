import { z } from 'zod';
import { nullResourceShape } from '../../../src/model/resources/null-resource';
import { computed, defaulted, defineShape, observed, optional, required } from '../../../src/model/resource-shape';
import { renderReference } from '../../../scripts/reference/resource-page';

const shape = defineShape({
  type: 'buildfleet_thing',
  description: 'Manages a thing.',
  attributes: {
    vmName: required(z.string(), 'Name of\nthe VM.', { replaces: true }),
    memoryMib: defaulted(z.int(), 2048, 'Memory in MiB.'),
    forwards: optional(
      z.array(z.object({ hostPort: z.int().describe('Port here.'), kind: z.enum(['tcp', 'udp']).optional() })),
      'Forwarded ports.',
      { sensitive: true },
    ),
    power: observed(z.enum(['running', 'stopped']), 'running', 'Power state.'),
    ready: computed(z.record(z.string(), z.boolean()), 'Who is ready.'),
  },
});

test('one page per type, in order', () => {
  expect([...renderReference([nullResourceShape, shape]).keys()]).toEqual(['buildfleet_thing.md', 'null_resource.md']);
});

test('a page says everything that the shape says', () => {
  expect(renderReference([shape]).get('buildfleet_thing.md')).toMatchInlineSnapshot(`
   "# buildfleet_thing

   Manages a thing.

   ## Arguments

   - \`vm_name\` (string, required, a change makes a new object): Name of the VM.
   - \`memory_mib\` (number, optional, default \`2048\`): Memory in MiB.
   - \`forwards\` (list of object, optional, sensitive): Forwarded ports.
     - \`host_port\` (number, required): Port here.
     - \`kind\` (\`tcp\` or \`udp\`, optional)

   ## Attributes

   - \`power\` (\`running\` or \`stopped\`, read-only, kept at \`"running"\`): Power state.
   - \`ready\` (map of boolean, read-only): Who is ready.
   "
  `);
});
