import type { ReleaseView, RolloutView } from '../../statemachines/view.ts';

export interface Side {
  readonly role: 'stable' | 'canary';
  readonly version: string;
  readonly percent: number;
  readonly notes: readonly string[];
}

export interface PathStep {
  readonly name: string;
  readonly weight: number;
  readonly gates: readonly string[];
  readonly mark: 'done' | 'now' | 'back' | 'todo';
}

export function isOver(release: ReleaseView): boolean;
export function hurting(release: ReleaseView): boolean;
export function standing(release: ReleaseView): string;
export function seenShare(release: ReleaseView): number | undefined;
export function sides(release: ReleaseView, now: number): readonly Side[];
export function path(release: ReleaseView, now: number): readonly PathStep[];
export function versions(release: ReleaseView, short: (digest: string) => string): string;
export function endingSentence(release: ReleaseView): string;
export function whatAbortDoes(release: ReleaseView): string | undefined;
export function onlyAsks(release: ReleaseView): boolean;
export function groupOf(rollout: RolloutView): 'needs' | 'moving' | 'quiet';
