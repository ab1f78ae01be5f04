import { z } from 'zod';

/** A JSON Schema of a document, as one page of JSON. */
export function renderJsonSchema(title: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}
