import { runHub } from '../../hub/run';
import { FleetError } from '../../model/errors';
import { expandHome } from '../../model/paths';
import type { Context } from '../context';
import { EXIT } from '../exit-codes';
import type { Listening } from './report';

export interface ServeOptions {
  readonly port: string;
  readonly database: string;
  /** Days. */
  readonly expire: number;
}

/** `buildfleet hub serve`: serves until Ctrl-C or SIGTERM. */
export async function serve(context: Context, { port, database, expire }: ServeOptions): Promise<number> {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new FleetError({
      code: 'usage',
      problem: '--port is no port',
      value: port,
      remedy: 'give a number from 1024 to 65535, or 0 for any free one',
    });
  }
  await runHub({
    host: '127.0.0.1',
    port: Number(port),
    database: expandHome(database, context.home),
    expiryDays: expire,
    signal: context.signal,
    warn: (line) => {
      context.terminal.error(line);
    },
    onListening: (listening: Listening) => {
      if (context.terminal.json) context.terminal.data(JSON.stringify(listening));
      else context.terminal.message(`State Hub at ${listening.url}`);
    },
  });
  return EXIT.ok;
}
