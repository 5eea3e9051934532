import type { Phase, VerdictView } from '../../statemachines/view.ts';

export function elapsed(ms: number): string;
export function left(ms: number): string;
export function clock(at: number, now?: number): string;
export function shortDigest(digest: string): string;
export function versionName(version: { readonly tag?: string; readonly digest?: string } | undefined): string;
export function count(n: number, one: string, many?: string): string;
export function phaseName(phase: Phase): string;
export function verdictName(kind: VerdictView['kind']): string;
