import { once } from 'node:events';
import { chmodSync, existsSync, writeSync } from 'node:fs';
import type { Http2SecureServer } from 'node:http2';
import { join } from 'node:path';
import {
  isShortEnough,
  makeSocketDirectory,
  removeSocketDirectory,
  removeUnusedRuntimeDirectory,
  runtimeDirectory,
} from '../../../files/runtime-directory';
import { createServerIdentity } from './certificate';
import { type Call, createGrpcServer } from './grpc-server';
import { decodeMessage, encodeMessage } from './protobuf';
import { type CallName, type ProviderServer, calls } from './protocol';

/** HashiCorp's go-plugin sets this for every process that it starts as a Terraform provider. */
const COOKIE = {
  name: 'TF_PLUGIN_MAGIC_COOKIE',
  value: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
};

const CORE_PROTOCOL = 1;
const PROVIDER_PROTOCOL = 6;
/** Interval at which a provider without a connection checks whether Terraform still runs. */
const ORPHAN_CHECK_MS = 1000;

/**
 * Serves the provider to the Terraform that started this process, until told to shut down or Terraform is gone.
 *
 * @param abandon called when no client waits for an answer any more; running work must end soon
 */
export async function runPluginProcess(provider: ProviderServer, abandon: () => Promise<void>): Promise<void> {
  const clientCertificate = process.env['PLUGIN_CLIENT_CERT'];
  if (process.env[COOKIE.name] !== COOKIE.value || clientCertificate === undefined) {
    process.stderr.write('this program is a Terraform provider: it is started by terraform, not by hand\n');
    process.exitCode = 1;
    return;
  }
  // Ctrl-C reaches the whole process group; Terraform asks for the stop itself and wants the answer.
  process.on('SIGINT', () => {});

  // go-plugin's own choice is $TMPDIR, which may be missing, or too long for a socket.
  const given = process.env['PLUGIN_UNIX_SOCKET_DIR'] ?? '';
  const isUsable = isShortEnough(given) && existsSync(given);
  const directory = makeSocketDirectory(isUsable ? given : runtimeDirectory(process.env));
  process.on('exit', () => {
    removeSocketDirectory(directory);
    removeUnusedRuntimeDirectory(process.env);
  });
  const socket = join(directory, 'socket');
  const identity = createServerIdentity();
  let isLeaving = false;
  const shutdown = shutdownCall(() => (isLeaving = true));
  const server = createGrpcServer(identity, clientCertificate, new Map([...providerCalls(provider), shutdown]));
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o600);
  exitWithTerraform(server, abandon, () => isLeaving);
  const certificate = identity.certificate.toString('base64').replace(/=+$/, '');
  // process.stdout would load Node's streams for this one line
  writeSync(1, `${CORE_PROTOCOL}|${PROVIDER_PROTOCOL}|unix|${socket}|grpc|${certificate}\n`);
}

function providerCalls(provider: ProviderServer): [string, Call][] {
  return (Object.keys(calls) as CallName[]).map((name) => {
    const { request, response } = calls[name];
    const handle = provider[name] as (request: unknown) => Promise<Record<string, unknown>>;
    return [
      `/tfplugin6.Provider/${name}`,
      async (bytes) => encodeMessage(response, await handle(decodeMessage(request, bytes))),
    ];
  });
}

/**
 * go-plugin waits for the process to end after this call. Once it has the answer it hangs up, which ends the process
 * (see {@link exitWithTerraform}); a client that does not hang up is not waited for.
 */
function shutdownCall(leave: () => void): [string, Call] {
  return [
    '/plugin.GRPCController/Shutdown',
    () => {
      leave();
      setTimeout(() => process.exit(0), 10);
      return Promise.resolve(new Uint8Array());
    },
  ];
}

/**
 * Ends the process when Terraform hangs up after telling it to leave, or is gone. A killed Terraform closes its
 * connection without a word. An idle one may do so too and come back, so only a changed parent tells them apart.
 */
function exitWithTerraform(server: Http2SecureServer, abandon: () => Promise<void>, isLeaving: () => boolean): void {
  const parent = process.ppid;
  let timer: NodeJS.Timeout | undefined;
  let sessions = 0;
  const check = (): void => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    void abandon().finally(() => process.exit(1));
  };
  const watch = (): void => {
    timer ??= setInterval(check, ORPHAN_CHECK_MS);
  };
  watch();
  server.on('session', (session) => {
    sessions += 1;
    clearInterval(timer);
    timer = undefined;
    session.on('error', () => {});
    session.once('close', () => {
      if (isLeaving()) process.exit(0);
      sessions -= 1;
      if (sessions === 0) watch();
    });
  });
}
