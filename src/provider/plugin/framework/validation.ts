import type { z } from 'zod';
import { quote } from '../../../model/errors';
import { toSnakeCase } from '../../../model/wire-names';
import type { ValueType } from '../../../model/value-type';
import { describeIssue } from '../../../model/zod-issue';
import type { WireDiagnostic } from '../wire/protocol';
import { attributePath } from './diagnostics';
import type { AttributeSchema, ObjectSchema, WireObject } from './object-schema';
import { type ValuePath, fromWire } from './values';

/** Checks what a configuration says with the shape's zod types. What is not known yet is checked once it is. */
export function validateConfig(schema: ObjectSchema, config: WireObject): WireDiagnostic[] {
  return schema.attributes.flatMap((attribute) => validateAttribute(attribute, config));
}

function validateAttribute(schema: AttributeSchema, config: WireObject): WireDiagnostic[] {
  const value = config[schema.wireName] ?? null;
  const { kind } = schema.attribute;
  if (kind === 'computed' || kind === 'observed') {
    return value === null ? [] : [diagnostic(schema, `${schema.wireName}: cannot be set, the provider does`)];
  }
  // Terraform only looks whether the configuration names it
  if (value === null) return kind === 'required' ? [diagnostic(schema, `${schema.wireName}: must not be null`)] : [];
  const unknown: ValuePath[] = [];
  const candidate = fromWire(schema.type, value, (path) => unknown.push(path));
  const result = schema.attribute.type.safeParse(candidate);
  if (result.success) return [];
  return result.error.issues
    .filter((issue) => !unknown.some((path) => isPrefix(path, issue.path) || isPrefix(issue.path, path)))
    .map((issue) => toDiagnostic(schema, candidate, issue));
}

/** A check of a whole list cannot be trusted while a part of it is unknown, hence both directions. */
function isPrefix(prefix: ValuePath, path: ValuePath): boolean {
  return prefix.every((step, index) => path[index] === step);
}

function toDiagnostic(schema: AttributeSchema, candidate: unknown, issue: z.core.$ZodIssue): WireDiagnostic {
  const place = describePath(schema, issue.path);
  const { problem, ...received } = describeIssue(issue, {
    input: candidate,
    isSecret: () => schema.attribute.sensitive,
    place: () => place,
  });
  return diagnostic(schema, problem, 'value' in received ? `Received ${quote(received.value)}.\n\n` : '', place);
}

function diagnostic(schema: AttributeSchema, summary: string, received = '', place = schema.wireName): WireDiagnostic {
  const detail = `${received}${place} is: ${schema.attribute.doc}`;
  return { severity: 1, summary, detail, attribute: attributePath(schema.name) };
}

/** `network.forwards[0].host_port`, as Terraform writes it. */
function describePath(schema: AttributeSchema, path: ValuePath): string {
  let type: ValueType | undefined = schema.type;
  let text = schema.wireName;
  for (const step of path) {
    if (type?.kind === 'object') {
      text += `.${toSnakeCase(String(step))}`;
      type = type.members[String(step)]?.type;
    } else {
      text += typeof step === 'number' ? `[${step}]` : `[${JSON.stringify(step)}]`;
      type = type?.kind === 'list' || type?.kind === 'map' ? type.item : undefined;
    }
  }
  return text;
}
