import type { Router } from '../port.ts';
import type { Layout } from './layout.ts';
import { observe, verify } from './look-back.ts';
import { plan } from './plan.ts';
import { refusal, said } from './refusal.ts';

/** A router for a kind whose rules split by a `weight` on each backend. */
export const splitRouter = (layout: Layout): Router => ({
  kind: layout.kind,
  apiVersions: layout.apiVersions,
  capabilities: () => layout.capabilities,
  check(object, sides) {
    const problem = refusal(layout, object, sides);
    return problem === undefined ? undefined : said(object, problem);
  },
  plan: (object, sides, traffic, memory) => plan(layout, object, sides, traffic, memory),
  observe: (object, sides) => observe(layout, object, sides),
  verify: (object, sides, traffic) => verify(layout, object, sides, traffic),
});
