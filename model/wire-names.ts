/** `memoryMib` → `memory_mib`: a TypeScript name as Terraform spells it. A digit starts no word: `sha256Sum` → `sha256_sum`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `memory_mib` → `memoryMib`: the inverse of {@link toSnakeCase} for names made of letters and digits. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
