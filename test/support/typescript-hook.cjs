'use strict';

// Lets a plain `node --require` run this project's TypeScript without a build, for tests that need a process of their
// own in which a few lines of it run.
const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');
const Module = require('node:module');
const { transformSync } = require('@swc/core');

const root = resolve(__dirname, '../..');
/** As in tsconfig.json. */
const ALIASES = { '@crewtab/': 'libs', '@test/': 'test' };

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    jsc: { parser: { syntax: 'typescript', decorators: true }, target: 'es2023' },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function resolveAlias(request, ...rest) {
  const [alias, folder] = Object.entries(ALIASES).find(([prefix]) => request.startsWith(prefix)) ?? [];
  const target = alias === undefined ? request : resolve(root, folder, request.slice(alias.length));
  return resolveFilename.call(this, target, ...rest);
};
