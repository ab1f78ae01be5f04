import { Document, isScalar, visit } from 'yaml';

/**
 * A YAML document that every reader takes for the same. Strings are quoted or literal blocks, because readers of
 * YAML 1.1 take `no`, `0644` or `12:34` for something else.
 */
export function toYaml(value: Record<string, unknown>): string {
  const document = new Document(value, { version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || !isScalar(node) || typeof node.value !== 'string') return;
      node.type = node.value.includes('\n') ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0, directives: false });
}
