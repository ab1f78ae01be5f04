// Loads each package that brings a binary for one kind of machine. Ends with 1 and a line for the first that does not load.
'use strict';
try {
  for (const name of ['@cdktf/node-pty-prebuilt-multiarch', '@swc/core']) require(name);
  require('esbuild').transformSync('');
} catch (error) {
  process.stderr.write(
    `${process.version} cannot use what is in node_modules: ${String(error.message).split('\n')[0]}\n`,
  );
  process.exitCode = 1;
}
