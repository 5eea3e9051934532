import type { Json } from '../../events/input.ts';
import type { JsonPatchOp } from '../../statemachines/document.ts';
import type { KubeObject } from '../cluster/port.ts';

/** What a router can do, and how it behaves where that changes what is safe. Read before the first write, never approximated. */
export interface Capabilities {
  /** It drops the whole route when one backend has no ready endpoint, so a dying canary takes stable's users down too. */
  readonly fragile: boolean;
  /** How long a write may take to reach the data plane when that cannot be seen. */
  readonly lagMs: number;
  /** Routes one stable user to the same version for the whole release. */
  readonly sticky: boolean;
}

/** The Services between which users are split. Both serve the same named or numbered ports. */
export interface Sides {
  readonly namespace: string;
  readonly stable: string;
  readonly canary: string;
}

/** Share of users on the canary, in whole percent. Stable gets the rest; the two always sum to 100. */
export interface Traffic {
  readonly canary: number;
}

/**
 * `ops` takes the object from what it is to the traffic wanted (empty: it is so already), touching nothing that is not ours.
 * `back` takes it from the state after `ops` to what it was before the release; its `test`s fail when our entries are not where
 * they were. `memory` is what `back` was made from (the values the user had), to be handed to the next plan of this release.
 */
export type RoutePlan =
  | { readonly ok: true; readonly ops: readonly JsonPatchOp[]; readonly back: readonly JsonPatchOp[]; readonly memory: Json }
  | { readonly ok: false; readonly problem: string };

/** Weights in percent as the router reads the object, ours and stable's; `canary` 0 with `present` false means our entries are gone. */
export interface Observed {
  readonly present: boolean;
  readonly canary: number;
  readonly stable: number;
}

/** `inEffect`: as far as the object can tell. `notYet`: its controller has not taken the write. `foreign`: somebody changed our entries. */
export type Verified =
  | { readonly state: 'inEffect' }
  | { readonly state: 'notYet'; readonly reason: string }
  | { readonly state: 'foreign'; readonly reason: string };

/**
 * A kind of route object. Pure: no I/O, no clock, no randomness. A new router is one file that implements this and one line in
 * `routers.ts`. Annotations, resourceVersion and stamps are added by the caller.
 */
export interface Router {
  readonly kind: string;
  /** API versions it understands, preferred first. */
  readonly apiVersions: readonly string[];
  capabilities(object: KubeObject): Capabilities;
  /** Why this object cannot carry the release, or undefined when it can. Says where, what was found and what is allowed. */
  check(object: KubeObject, sides: Sides): string | undefined;
  /** `traffic` null: give the object back. `memory` undefined: the first plan of this release. */
  plan(object: KubeObject, sides: Sides, traffic: Traffic | null, memory: Json | undefined): RoutePlan;
  observe(object: KubeObject, sides: Sides): Observed;
  /** After a write, once the lag has passed. `traffic` null: our entries must be gone. */
  verify(object: KubeObject, sides: Sides, traffic: Traffic | null): Verified;
}
