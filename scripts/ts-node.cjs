// Runs TypeScript for `node --require`. ts-node's compile cache lies in a directory of $TMPDIR with a name that can be
// guessed, and runs what it finds there: another account that made it first would run code as the operator.
'use strict';
process.env.DISABLE_V8_COMPILE_CACHE = '1';
require('ts-node/register');
