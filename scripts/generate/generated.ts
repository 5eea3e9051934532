/** One file that follows from the code. `path` is relative to the top of the checkout. */
export interface Generated {
  readonly path: string;
  readonly text: string;
}
