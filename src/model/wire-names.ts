/** `memoryMib` → `memory_mib`: a TypeScript name as Terraform spells it. A digit starts no word: `sha256Sum` → `sha256_sum`. */
export function toSnakeCase(name: string): string {
  const known = spelled.get(name);
  if (known !== undefined) return known;
  const text = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  spelled.set(name, text);
  return text;
}

/** A plan asks for the same few names thousands of times. */
const spelled = new Map<string, string>();
