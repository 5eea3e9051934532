// Stands in for Fastify's schema compilers in the bundles: no route of Sluice has a JSON schema (zod reads what comes in), and the
// compilers are a quarter of what a start has to load.
'use strict';

module.exports = () => () => {
  throw new Error('a route has a JSON schema, but the bundles leave the compilers for them out: take the stand-ins out of scripts/bundle.ts');
};
