/**
 * `unknown`: there is no such image or tag, or the name cannot be one. `unavailable`: no usable answer, another try may give one.
 * `refused`: bad or missing credentials, or an address that may not be called; trying again gives the same.
 */
export type Resolution =
  | { readonly outcome: 'found'; readonly digest: string; readonly mediaType: string }
  | { readonly outcome: 'unknown'; readonly reason: string }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** Asks a registry which manifest a tag or digest means. A multi-arch index stays an index: its own digest is the answer. */
export interface Registry {
  /** `image` is `host/repository`; `reference` a tag or `sha256:...`. */
  resolve(image: string, reference: string, signal?: AbortSignal): Promise<Resolution>;
}
