// Preloaded by `node --require`: a program that asks for cdktf gets cdktn.
const { registerHooks } = require('node:module');

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^cdktf(?=\/|$)/, 'cdktn'), context),
});
