/** What a value of a plan depends on: another resource's attribute, or a file beside the plan. */
export type Reference =
  | { readonly kind: 'attribute'; readonly address: string; readonly attribute: string }
  | { readonly kind: 'file'; readonly path: string };

const ATTRIBUTE = /\$\{([a-z][a-z0-9_]*\.[A-Za-z][A-Za-z0-9_-]*)\.([a-z][a-z0-9_]*)[^}]*\}/g;
const FILE = /\$\{file\("([^"]+)"\)\}/g;
/** Terraform's spelling of a text `${` that is no reference. */
const LITERAL = /\$\$\{/g;

/** Every reference in a value, however deep. */
export function referencesIn(value: unknown): readonly Reference[] {
  if (typeof value === 'string') {
    const text = value.replace(LITERAL, '');
    return [
      ...[...text.matchAll(ATTRIBUTE)].map(([, address = '', attribute = '']) => ({
        kind: 'attribute' as const,
        address,
        attribute,
      })),
      ...[...text.matchAll(FILE)].map(([, path = '']) => ({ kind: 'file' as const, path })),
    ];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(referencesIn);
}
