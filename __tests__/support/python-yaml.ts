import { execFileSync } from 'node:child_process';

/** Reads documents as cloud-init and Ubuntu's installer do: with PyYAML, which knows YAML 1.1. */
export function readYaml<T = unknown>(...documents: string[]): T[] {
  const program = 'import json, sys, yaml; print(json.dumps([yaml.safe_load(d) for d in json.load(sys.stdin)]))';
  const python = ['/usr/bin/python3', 'python3'].find(hasYaml) ?? 'python3';
  return JSON.parse(
    execFileSync(python, ['-c', program], { input: JSON.stringify(documents), encoding: 'utf8' }),
  ) as T[];
}

function hasYaml(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import yaml'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
