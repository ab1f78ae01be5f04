import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ObjectSchema } from '../../src/provider/plugin/framework/object-schema';
import { dataSources } from '../../src/provider/data-sources';
import { resources } from '../../src/provider/resources';
import { providerAttributes } from '../../src/provider/resources/settings';
import { referencePages } from '../../scripts/reference/pages';

const DIRECTORY = join(__dirname, '../../docs/reference');

test('every attribute is described, those inside others too, and every resource says how it is imported', () => {
  const undescribed = (schema: ObjectSchema) =>
    schema.toProtocol('').block.attributes.flatMap(function find(attribute): string[] {
      const inner = attribute.nestedType?.attributes.flatMap(find) ?? [];
      return [...(attribute.description === '' ? [attribute.name] : []), ...inner];
    });
  const shapes = [...resources, ...dataSources].map(({ shape }) => shape.attributes);
  expect([...shapes, providerAttributes].flatMap((attributes) => undescribed(new ObjectSchema(attributes)))).toEqual(
    [],
  );
  expect(resources.filter(({ shape }) => shape.importId === undefined)).toEqual([]);
});

test('docs/reference/ is what shapes and schemas say; `make render` writes it', () => {
  const committed = new Map(
    readdirSync(DIRECTORY)
      .sort()
      .map((name) => [name, readFileSync(join(DIRECTORY, name), 'utf8')]),
  );

  expect(committed).toEqual(referencePages());
});
