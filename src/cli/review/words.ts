/** `a`, `a and b`, `a, b and c` */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}

/** `package jq`, `packages jq and rsync` */
export function counted(items: readonly string[], one: string, many: string): string {
  return `${items.length === 1 ? one : many} ${listed(items)}`;
}

/** How a value changes: `2 → 4`, `none → 192.168.1.10` */
export function arrow(before: unknown, after: unknown, unit = ''): string {
  return `${valueText(before, unit)} → ${valueText(after, unit)}`;
}

/** A value in a sentence. */
export function valueText(value: unknown, unit = ''): string {
  if (value === null || value === undefined || value === '') return 'none';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return unit === '' ? String(value) : `${value} ${unit}`;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((item) => valueText(item)).join(', ');
  return JSON.stringify(value);
}

/** A sha256 as people compare it. */
export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}

/** Names in `after` that `before` has not, and the other way round, each in its own order. */
export function setChange(
  before: readonly string[],
  after: readonly string[],
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  return {
    added: after.filter((item) => !before.includes(item)),
    removed: before.filter((item) => !after.includes(item)),
  };
}
