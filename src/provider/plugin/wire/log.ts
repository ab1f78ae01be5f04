import { printableJson } from '../../../model/printable';
import type { Logger } from '../resource';

/** Extra fields of every line of one logger. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes the JSON lines that go-plugin reads from a provider's stderr. Writes nothing when Terraform keeps no provider
 * log, which it would have to parse all the same.
 */
export function createLogger(
  module: string,
  fields: LogFields = {},
  environment: NodeJS.ProcessEnv = process.env,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  if (!isLogKept(environment)) return { debug: () => {}, info: () => {}, warn: () => {} };
  const line =
    (severity: string) =>
    (message: string, more: LogFields = {}): void => {
      write(
        `${printableJson(JSON.stringify({ '@level': severity, '@message': message, '@module': module, '@timestamp': timestamp(), ...fields, ...more }))}\n`,
      );
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn') };
}

/** Whether Terraform was asked to keep what providers log. */
export function isLogKept(environment: NodeJS.ProcessEnv): boolean {
  const level = environment['TF_LOG_PROVIDER'] ?? environment['TF_LOG'] ?? '';
  return level !== '' && level.toUpperCase() !== 'OFF';
}

/** go-plugin wants exactly six digits of a second. */
function timestamp(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
