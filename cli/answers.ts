import type { Millis } from '../events/input.ts';
import type { DeadLetter } from '../infra/queue/port.ts';
import type { PlacedMistake } from '../statemachines/definition/parse.ts';
import type { JournalRow, Outcome } from '../statemachines/document.ts';
import type { PlanView } from '../statemachines/plan.ts';
import type { ReleaseView, RolloutView } from '../statemachines/view.ts';

/** What the HTTP API answers, by request. */
export interface RolloutsAnswer {
  readonly rollouts: readonly RolloutView[];
  readonly deadLetters: number;
  readonly sandbox: boolean;
  readonly now: Millis;
}

export interface RolloutAnswer {
  readonly rollout: RolloutView;
  readonly now: Millis;
}

/** One event of a watch: the rollout as it is, and the rows of the journal since the event before. */
export interface WatchAnswer extends RolloutAnswer {
  readonly rows: readonly JournalRow[];
}

export interface HistoryAnswer {
  readonly releases: readonly ReleaseView[];
}

export interface RowsAnswer {
  readonly rows: readonly JournalRow[];
}

export type ReplayAnswer = { readonly ok: true; readonly rows: number } | { readonly ok: false; readonly version: number; readonly expected: unknown; readonly reached: unknown };

export type LintAnswer =
  | { readonly ok: true; readonly rollouts: readonly { readonly namespace: string; readonly name: string }[] }
  | { readonly ok: false; readonly mistakes: readonly PlacedMistake[] };

export interface AppliedAnswer {
  readonly applied: readonly { readonly namespace: string; readonly name: string; readonly created: boolean }[];
}

export interface PlanAnswer {
  readonly plan: PlanView;
}

export interface CommandAnswer {
  readonly id: string;
  readonly document: string;
  /** Absent when it was not judged within 2 s. */
  readonly outcome?: Outcome;
  readonly said?: string;
}

export interface DeadLettersAnswer {
  readonly deadLetters: readonly DeadLetter[];
}
