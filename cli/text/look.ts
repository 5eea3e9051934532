import pc from 'picocolors';

type Colours = ReturnType<typeof pc.createColors>;

/** How something is shown: columns there are, and the colours, which are identities where there must be none. */
export interface Look {
  readonly width: number;
  readonly colours: Colours;
}

/** Wider lines than this are harder to read, not easier; narrower ones cannot hold the columns, and the terminal breaks them. */
const [narrowest, widest] = [40, 110];

export const lookOf = (columns: number | undefined, coloured: boolean): Look => ({
  width: Math.min(widest, Math.max(narrowest, columns ?? 80)),
  colours: pc.createColors(coloured),
});
